//! The storage pool of a host: disks, seeds and tombstones. Through the storage API, so that the host may be anywhere.

use controller::ports::CloudErrorKind;
use virt::error::{Error, ErrorNumber};
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;
use virt::stream::Stream;

use crate::convert;
use crate::error::Trouble;
use crate::link::Link;
use crate::settings::Image;

/// For so long at least nothing is made for an intent again: whoever slept longer is refused by the record's epoch.
const TOMBSTONE_KEPT_S: u64 = 48 * 3600;
/// So much is sent at once when a volume is written: what fits a message of libvirt's protocol.
const CHUNK: usize = 64 << 10;

/// A pool on one host.
pub(crate) struct Pool<'a> {
    link: &'a Link,
    pool: StoragePool,
}

impl<'a> Pool<'a> {
    /// The pool of this name, which is started where it is not.
    pub(crate) fn open(link: &'a Link, name: &str) -> Result<Self, Trouble> {
        let said = |cause: Error| Trouble::said(format_args!("storage pool `{name}`"), &cause);
        let pool = StoragePool::lookup_by_name(&link.connection, name).map_err(said)?;
        if !pool.is_active().map_err(said)? {
            pool.create(0).map_err(said)?;
        }
        Ok(Self { link, pool })
    }

    /// How many bytes it has, and how many of them are free.
    pub(crate) fn room(&self) -> Result<(u64, u64), Trouble> {
        let info = self.pool.get_info();
        let info = info.map_err(|cause| Trouble::said("asking the pool for its room", &cause))?;
        Ok((info.capacity, info.available))
    }

    fn find(&self, volume: &str) -> Result<Option<StorageVol>, Trouble> {
        match StorageVol::lookup_by_name(&self.pool, volume) {
            Ok(found) => Ok(Some(found)),
            Err(cause) if cause.code() == ErrorNumber::NoStorageVolume => Ok(None),
            Err(cause) => Err(Trouble::said(format_args!("volume `{volume}`"), &cause)),
        }
    }

    /// The path and format of a base image, and the size in bytes of the disk that it is.
    pub(crate) fn image(&self, image: &Image) -> Result<(String, String, u64), Trouble> {
        let volume = image.volume.as_str();
        let said = |cause: Error| Trouble::said(format_args!("image `{volume}`"), &cause);
        let base = if let Some(base) = self.find(volume)? {
            base
        } else {
            // It may have been copied there without libvirt's knowing.
            self.pool.refresh(0).map_err(said)?;
            StorageVol::lookup_by_name(&self.pool, volume).map_err(said)?
        };
        let size = base.get_info().map_err(said)?.capacity;
        let xml = base.get_xml_desc(0).map_err(said)?;
        let format = convert::format_of(&xml).unwrap_or("raw").to_owned();
        Ok((base.get_path().map_err(said)?, format, size))
    }

    /// Makes a disk that begins as the image; whatever has its name goes before.
    pub(crate) fn make_disk(&self, volume: &str, image: &Image) -> Result<(), Trouble> {
        let (path, format, size) = self.image(image)?;
        let size = image.size_bytes.unwrap_or(size);
        self.delete(volume)?;
        let xml = convert::overlay(volume, size, &path, &format);
        StorageVol::create_xml(&self.pool, &xml, 0)
            .map(drop)
            .map_err(|cause| Trouble::said("making its disk", &cause))
    }

    /// Makes a volume that holds these bytes, and returns its path; whatever has its name goes before.
    pub(crate) fn write(&self, volume: &str, bytes: &[u8]) -> Result<String, Trouble> {
        self.delete(volume)?;
        let said = |cause: Error| Trouble::said(format_args!("writing volume `{volume}`"), &cause);
        let size = bytes.len() as u64;
        let xml = convert::raw_volume(volume, size);
        let made = StorageVol::create_xml(&self.pool, &xml, 0).map_err(said)?;
        let stream = Stream::new(&self.link.connection, 0).map_err(said)?;
        made.upload(&stream, 0, size, 0).map_err(said)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let sent = stream.send(&rest[..rest.len().min(CHUNK)]).map_err(said)?;
            if sent == 0 {
                let detail = format!("volume `{volume}` takes no more bytes");
                return Err(Trouble::new(CloudErrorKind::Unreachable, detail));
            }
            rest = &rest[sent..];
        }
        stream.finish().map_err(said)?;
        made.get_path().map_err(said)
    }

    /// Makes a volume exist no more. `Ok` where there is none.
    pub(crate) fn delete(&self, volume: &str) -> Result<(), Trouble> {
        let Some(found) = self.find(volume)? else {
            return Ok(());
        };
        match found.delete(0) {
            Err(cause) if cause.code() != ErrorNumber::NoStorageVolume => {
                Err(Trouble::said(format_args!("removing `{volume}`"), &cause))
            }
            _ => Ok(()),
        }
    }

    /// Whether an instance was terminated.
    pub(crate) fn is_buried(&self, name: &str) -> Result<bool, Trouble> {
        Ok(self.find(&convert::tombstone(name))?.is_some())
    }

    /// Notes that an instance is terminated, so that nothing is made for its intent again.
    pub(crate) fn bury(&self, name: &str) -> Result<(), Trouble> {
        let xml = convert::raw_volume(&convert::tombstone(name), 0);
        match StorageVol::create_xml(&self.pool, &xml, 0) {
            Err(cause) if cause.code() != ErrorNumber::StorageVolExist => {
                Err(Trouble::said("noting that it is terminated", &cause))
            }
            _ => Ok(()),
        }
    }

    /// Removes tombstones that nobody can need any more, by the host's own files' times. What goes wrong is for the next time.
    pub(crate) fn sweep(&self, now_s: u64) {
        for name in self.pool.list_volumes().unwrap_or_default() {
            let is_tombstone = name
                .strip_suffix(convert::TOMBSTONE)
                .is_some_and(|instance| convert::instance_of(instance).is_some());
            if !is_tombstone {
                continue;
            }
            let Ok(volume) = StorageVol::lookup_by_name(&self.pool, &name) else {
                continue;
            };
            let xml = volume.get_xml_desc(0).unwrap_or_default();
            let is_old = convert::written_at(&xml)
                .is_some_and(|written| written.saturating_add(TOMBSTONE_KEPT_S) < now_s);
            if is_old && let Err(cause) = volume.delete(0) {
                tracing::debug!(%name, %cause, "an old tombstone stays");
            }
        }
    }
}
