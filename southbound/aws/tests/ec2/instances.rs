//! What is EC2's own about instances.
