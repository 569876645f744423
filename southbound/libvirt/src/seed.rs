//! The disk that tells cloud-init what an instance is to be (its `NoCloud` data source): an ISO 9660 file system called `cidata`, made
//! in memory, without a program.

use std::io::Cursor;
use std::sync::Arc;

use controller::ports::{CloudErrorKind, Launch};
use hadris_iso::read::PathSeparator;
use hadris_iso::write::options::{CreationFeatures, IsoFormatOptions};
use hadris_iso::write::{File, InputFiles, IsoImageWriter};

use crate::convert;
use crate::error::Trouble;
use crate::settings::Seed;

/// The unit of such a file system, in bytes.
const SECTOR: usize = 2048;
/// What a file system without files takes, in sectors, with room to spare.
const FRAME: usize = 200;
/// A seed is a few kilobytes; one that is larger is a mistake.
const LIMIT: usize = 8 << 20;

/// The seed of an instance. `vendor_data` is what the service adds to the user data of the template, empty for nothing.
pub(crate) fn image(seed: &Seed, launch: &Launch, vendor_data: &str) -> Result<Vec<u8>, Trouble> {
    let meta_data = convert::meta_data(&launch.tenant, launch.instance.id, &seed.ssh_keys);
    let mut files = vec![
        ("meta-data", meta_data),
        ("user-data", seed.user_data.clone()),
        ("network-config", convert::network_config(launch)),
    ];
    if !vendor_data.is_empty() {
        files.push(("vendor-data", vendor_data.to_owned()));
    }
    let size = files.iter().map(|(_, text)| text.len()).sum::<usize>();
    if size > LIMIT {
        return Err(Trouble::new(
            CloudErrorKind::Rejected,
            format!(
                "the user data has {size} bytes, and {LIMIT} is the most; hint: let it fetch what it needs"
            ),
        ));
    }
    let sectors = FRAME + files.len() + size / SECTOR;
    let files = files.into_iter().map(|(name, text)| File::File {
        name: Arc::new(name.to_owned()),
        contents: text.into_bytes(),
    });
    let files = InputFiles {
        path_separator: PathSeparator::ForwardSlash,
        files: files.collect(),
    };
    let options = IsoFormatOptions {
        volume_name: "cidata".to_owned(),
        system_id: None,
        volume_set_id: None,
        publisher_id: None,
        preparer_id: None,
        application_id: None,
        sector_size: SECTOR,
        features: CreationFeatures::extensions(),
        path_separator: PathSeparator::ForwardSlash,
        strict_charset: false,
    };
    let mut image = Cursor::new(vec![0; sectors * SECTOR]);
    match IsoImageWriter::create(&mut image, files, options) {
        Ok(_) => Ok(image.into_inner()),
        Err(cause) => Err(Trouble::new(
            CloudErrorKind::Rejected,
            format!("the seed could not be made: {cause:?}"),
        )),
    }
}
