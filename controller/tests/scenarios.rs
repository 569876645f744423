//! Stories: a tenant over hours of virtual time, in a world of fakes that keep their ports' contracts. What is asserted is read
//! from the world's truth, never from the controller's books.

#![expect(
    clippy::unwrap_used,
    clippy::manual_assert,
    reason = "a test that cannot go on panics"
)]

mod scenarios {
    mod clouds;
    mod crashes;
    mod doubt;
    mod health;
    mod lifetime;
    mod load;
    mod orders;
    mod placement;
    mod pool;
    mod replay;
    mod worlds;

    pub(crate) mod world;
}
