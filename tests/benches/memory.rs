//! Resident memory of the programs, as the kernel counts it.

use std::fs;

use anyhow::Context;

use crate::line::{Budget, Line, number};
use crate::office::{Office, PEOPLE};

/// 10^6 bytes in MiB: the design's budgets are in MB.
const MB: f64 = 1_000_000.0 / 1_048_576.0;

/// `server.rss_mib` and `gateway.rss_mib`, everybody being inside.
pub(crate) async fn lines(office: &Office) -> anyhow::Result<[Line; 2]> {
    let inside = office.api.presence(office.site).await?;
    let inside = inside.iter().filter(|line| line.state == "present").count();
    let line = |name, pid, reference: &str, idle: f64, budget: f64| {
        Line::new(name, resident_mib(pid), "MiB", reference, idle)
            .budget(Budget::Most(budget * MB))
            .also("peak_mib", peak_mib(pid))
            .also("people", number(PEOPLE))
            .also("present", number(inside))
    };
    let gateway = child("sekisho-gateway")?;
    Ok([
        line(
            "server.rss_mib",
            office.server.process.pid(),
            "the same process before it had a site",
            office.server_idle_mib,
            120.0,
        ),
        line(
            "gateway.rss_mib",
            gateway,
            "the same process before anybody had a grant",
            office.gateway_idle_mib,
            40.0,
        ),
    ])
}

/// Resident now, MiB.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    status(pid, "VmRSS:")
}

/// Most that was ever resident, MiB.
pub(crate) fn peak_mib(pid: u32) -> f64 {
    status(pid, "VmHWM:")
}

fn status(pid: u32, field: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// The child of this process that runs a program of this name.
pub(crate) fn child(name: &str) -> anyhow::Result<u32> {
    child_of(std::process::id(), name)
}

/// The child of a process that runs a program of this name (the kernel keeps fifteen bytes of it).
pub(crate) fn child_of(parent: u32, name: &str) -> anyhow::Result<u32> {
    let (parent, kept) = (parent.to_string(), &name[..name.len().min(15)]);
    let is_it = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(head, tail)| {
            head.ends_with(&format!("({kept}"))
                && tail.split_whitespace().nth(1) == Some(parent.as_str())
        })
    };
    fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse().ok())
        .find(is_it)
        .with_context(|| format!("{name} does not run"))
}
