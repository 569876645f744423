//! The keys of what virtual machines are made from.

use crate::shape::{Entry, Shape};

use super::WORDS_LIMIT;

const USER_DATA: Entry = Entry::optional(
    "user_data",
    Shape::FilePath,
    "nothing of yours is done at the first boot",
    "A file for cloud-init at the first boot.",
);
const DISK: Shape = Shape::Size {
    least: 1 << 20,
    most: 1 << 46,
};

pub(super) static LIBVIRT: &[Entry] = &[
    Entry::optional(
        "image",
        Shape::Line {
            most: 255,
            sample: "debian-12.qcow2",
        },
        "`kernel` says what it boots",
        "The volume in the pool that it gets a copy of, on write.",
    ),
    Entry::optional(
        "disk",
        DISK,
        "as large as the image",
        "How large its disk is.",
    ),
    Entry::optional(
        "kernel",
        Shape::FilePath,
        "it boots from its image",
        "A kernel on the host that it is booted with.",
    ),
    Entry::optional(
        "initrd",
        Shape::FilePath,
        "none",
        "The initial root that goes with the kernel.",
    ),
    Entry::optional(
        "cmdline",
        Shape::Line {
            most: 1_024,
            sample: "console=ttyS0",
        },
        "its address alone",
        "How the kernel's command line begins; its address follows.",
    ),
    USER_DATA,
    Entry::optional(
        "ssh_keys",
        Shape::Texts { most: WORDS_LIMIT },
        "nobody may log in",
        "Who may log in, as lines of `authorized_keys`.",
    ),
];

pub(super) static AWS: &[Entry] = &[
    Entry::required(
        "image",
        Shape::Line {
            most: 128,
            sample: "ami-0123456789abcdef0",
        },
        "`ami-…`, or a launch template with its version: `lt-…:7`.",
    ),
    USER_DATA,
    Entry::optional(
        "key",
        Shape::Line {
            most: 255,
            sample: "me",
        },
        "nobody may log in",
        "A key pair.",
    ),
    Entry::optional(
        "profile",
        Shape::Line {
            most: 128,
            sample: "asaas",
        },
        "it may do nothing at AWS",
        "An instance profile.",
    ),
];

pub(super) static GCP: &[Entry] = &[
    Entry::required(
        "image",
        Shape::Line {
            most: 512,
            sample: "projects/my-project/global/images/web",
        },
        "`projects/…/global/images/…`, or `projects/…/global/instanceTemplates/…`.",
    ),
    Entry::optional(
        "disk",
        DISK,
        "as large as the image",
        "How large its disk is.",
    ),
    USER_DATA,
    Entry::optional(
        "tags",
        Shape::Texts { most: WORDS_LIMIT },
        "none",
        "Network tags, which your firewall rules go by.",
    ),
    Entry::optional(
        "service_account",
        Shape::Line {
            most: 255,
            sample: "web@my-project.iam.gserviceaccount.com",
        },
        "it may do nothing at Google",
        "The account that it acts as, by e-mail.",
    ),
];
