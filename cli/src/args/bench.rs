//! `keybell bench`, and the processes that it starts.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// How many made-up accounts are reset.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) accounts: u32,
    /// One process with SQLite, many on PostgreSQL, RabbitMQ and Redis, or one after the other.
    #[arg(long, value_enum, default_value_t = BenchMode::Embedded)]
    pub(crate) mode: BenchMode,
    /// Reset worker processes (cluster).
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
    /// Hashing threads of each reset worker; without it, what the configuration says, and all cores shared among the workers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Memory of one hash, in KiB; without it, what the configuration says.
    #[arg(long, value_name = "M", conflicts_with = "without_hashing")]
    pub(crate) memory_kib: Option<u32>,
    /// Passes of one hash; without it, what the configuration says.
    #[arg(long, value_name = "T", conflicts_with = "without_hashing")]
    pub(crate) passes: Option<u32>,
    /// Remove the cost of the hash, to see what everything else can do. Never a safe setting.
    #[arg(long)]
    pub(crate) without_hashing: bool,
    /// How long each engine's tight loop runs, before and after; in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    pub(crate) loop_seconds: f64,
    /// Project the time for this many accounts.
    #[arg(long = "for", value_name = "N", default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    pub(crate) accounts_wanted: u64,
    /// Project it for this many cores; without it, for those of this machine.
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) cores: Option<u32>,
    /// Project how many cores do it within this time, such as 8h, 90min or 45s.
    #[arg(long, value_name = "TIME", default_value = "8h", value_parser = time)]
    pub(crate) by: Duration,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchMode {
    // No help of their own: with it clap writes every help text in its long form.
    Embedded,
    Cluster,
    Both,
}

/// A process of `keybell bench`, which alone starts it.
#[derive(Debug, Args)]
pub(crate) struct BenchProcess {
    /// What it does.
    #[arg(value_enum)]
    pub(crate) role: BenchRole,
    /// Memory of one hash, in KiB.
    #[arg(long)]
    pub(crate) memory_kib: u32,
    /// Passes of one hash.
    #[arg(long)]
    pub(crate) passes: u32,
    /// Lanes of one hash.
    #[arg(long)]
    pub(crate) lanes: u32,
    /// Hashing threads.
    #[arg(long)]
    pub(crate) threads: usize,
    /// Where the mail sink of the bench listens.
    #[arg(long)]
    pub(crate) sink: SocketAddr,
    /// Where the API listens, if there is one.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
}

/// What a process of the bench does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchRole {
    Serve,
    Scheduler,
    Reset,
    Email,
}

impl BenchRole {
    /// The word on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Scheduler => "scheduler",
            Self::Reset => "reset",
            Self::Email => "email",
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "give a number of seconds, such as 3 or 0.5".to_owned())?;
    if (0.1..=600.0).contains(&number) { Ok(number) } else { Err("give 0.1 to 600 seconds".to_owned()) }
}

/// A time with its unit.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "give a time with its unit, such as 8h, 90min or 45s".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let each = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = number.checked_mul(each).filter(|seconds| *seconds > 0).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(time("8h"), Ok(Duration::from_hours(8)));
        assert_eq!(time("90min"), Ok(Duration::from_mins(90)));
        assert_eq!(time("45 s"), Ok(Duration::from_secs(45)));
        for wrong in ["", "8", "h", "0h", "-1h", "8 o'clock", "99999999999999999999d", "9999999999999999999h"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
