//! What the kernel counts, from the texts in `/proc`. Pure; what cannot be read in a text is missing, never zero.

/// Processors together, in ticks since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cpu {
    pub(crate) busy: u64,
    pub(crate) total: u64,
}

/// A pair of counters, in bytes since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bytes {
    /// Read, or received.
    pub(crate) inwards: u64,
    /// Written, or sent.
    pub(crate) outwards: u64,
}

/// Linux counts in these, whatever the disk's own are.
const SECTOR: u64 = 512;

/// From `/proc/stat`. Time that the hypervisor gave to others is busy: the instance had work, and got nowhere.
pub(crate) fn cpu(stat: &str) -> Option<Cpu> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user nice system idle iowait irq softirq steal; guests' time is in user's already.
    let ticks: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map_while(|word| word.parse().ok())
        .collect();
    let total = sum(ticks.iter().copied())?;
    let idle = ticks.get(3)?.checked_add(*ticks.get(4)?)?;
    let busy = total.checked_sub(idle)?;
    Some(Cpu { busy, total })
}

/// The share of memory in use, from `/proc/meminfo`. What can be had by dropping caches is not in use.
pub(crate) fn memory(meminfo: &str) -> Option<f64> {
    let find = |key: &str| -> Option<f64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let (total, available) = (find("MemTotal:")?, find("MemAvailable:")?);
    (total > 0.0).then(|| (1.0 - available / total).clamp(0.0, 1.0))
}

/// From `/proc/diskstats`: whole disks only, or each byte would count again for its partition.
pub(crate) fn disk(diskstats: &str) -> Option<Bytes> {
    let mut bytes = Bytes::default();
    for line in diskstats.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = words.get(2)?;
        if !is_whole_disk(name) {
            continue;
        }
        let of = |index: usize| words.get(index)?.parse::<u64>().ok()?.checked_mul(SECTOR);
        bytes.inwards = bytes.inwards.checked_add(of(5)?)?;
        bytes.outwards = bytes.outwards.checked_add(of(9)?)?;
    }
    Some(bytes)
}

/// `vda`, `sdb`, `xvda`, `nvme0n1`, `mmcblk0`: not their partitions, and nothing that lies on a disk again, as `dm-0` and `loop0` do.
fn is_whole_disk(name: &str) -> bool {
    let lettered = ["vd", "sd", "xvd", "hd"].iter().any(|prefix| {
        name.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase())
        })
    });
    let numbered = (name.starts_with("nvme") || name.starts_with("mmcblk"))
        && !name.trim_start_matches("mmcblk").contains('p');
    lettered || numbered
}

/// From `/proc/net/dev`: all links but the loopback.
pub(crate) fn network(dev: &str) -> Option<Bytes> {
    let mut bytes = Bytes::default();
    for line in dev.lines().skip(2) {
        let (name, counters) = line.split_once(':')?;
        if name.trim() == "lo" {
            continue;
        }
        let words: Vec<&str> = counters.split_whitespace().collect();
        let of = |index: usize| words.get(index)?.parse::<u64>().ok();
        bytes.inwards = bytes.inwards.checked_add(of(0)?)?;
        bytes.outwards = bytes.outwards.checked_add(of(8)?)?;
    }
    Some(bytes)
}

/// How many processes ran or waited in the last minute, on average: from `/proc/loadavg`.
pub(crate) fn load(loadavg: &str) -> Option<f64> {
    let load: f64 = loadavg.split_whitespace().next()?.parse().ok()?;
    (load.is_finite() && load >= 0.0).then_some(load)
}

fn sum(mut numbers: impl Iterator<Item = u64>) -> Option<u64> {
    numbers.try_fold(0_u64, u64::checked_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_disk_is_idle_and_what_the_hypervisor_took_is_not() {
        let stat = "cpu  10 1 5 100 20 2 3 4 7 0\ncpu0 10 1 5 100 20 2 3 4 7 0\nintr 1\n";

        let cpu = cpu(stat).unwrap();

        assert_eq!(
            cpu,
            Cpu {
                busy: 25,
                total: 145
            }
        );
    }

    #[test]
    fn caches_are_no_memory_in_use() {
        let meminfo = "MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  750 kB\n";

        assert_eq!(memory(meminfo), Some(0.25));
    }

    #[test]
    fn a_byte_of_a_partition_is_counted_once() {
        let diskstats = "\
            254 0 vda 1 0 100 0 1 0 10 0 0 0 0\n\
            254 1 vda1 1 0 100 0 1 0 10 0 0 0 0\n\
            259 0 nvme0n1 1 0 4 0 1 0 2 0 0 0 0\n\
            259 1 nvme0n1p1 1 0 4 0 1 0 2 0 0 0 0\n\
            7 0 loop0 1 0 9 0 1 0 9 0 0 0 0\n\
            253 0 dm-0 1 0 9 0 1 0 9 0 0 0 0\n";

        let disk = disk(diskstats).unwrap();

        assert_eq!((disk.inwards, disk.outwards), (104 * 512, 12 * 512));
    }

    #[test]
    fn talk_with_itself_is_no_network() {
        let dev = "Inter-| Receive | Transmit\n face |bytes\n\
            lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n\
            eth0: 70 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n";

        let network = network(dev).unwrap();

        assert_eq!((network.inwards, network.outwards), (70, 30));
    }

    #[test]
    fn what_cannot_be_read_is_missing() {
        assert_eq!(cpu("cpu  1 2 3"), None);
        assert_eq!(cpu("cpu  1 2 x 4 5"), None);
        assert_eq!(cpu(&format!("cpu  {0} {0} 1 1 1", u64::MAX)), None);
        assert_eq!(memory("MemTotal: 0 kB\nMemAvailable: 0 kB"), None);
        assert_eq!(disk("254 0 vda 1 0"), None);
        assert_eq!(network("a\nb\neth0 70"), None);
        assert_eq!(load("NaN 1 1"), None);
        assert_eq!(load("0.50 1 1 1/2 3"), Some(0.5));
    }

    #[test]
    fn this_machines_own_texts_are_understood() {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{name}")).unwrap();

        assert!(cpu(&read("stat")).is_some());
        assert!(memory(&read("meminfo")).is_some());
        assert!(disk(&read("diskstats")).is_some());
        assert!(network(&read("net/dev")).is_some());
        assert!(load(&read("loadavg")).is_some());
    }
}
