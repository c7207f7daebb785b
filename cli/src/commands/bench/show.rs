//! The table.

use anyhow::Result;
use keybell_shared::config::RunMode;

use super::figures::{Process, Report, Run};
use super::projection::Projection;
use crate::args::Output;
use crate::configuration::mode_name;
use crate::live::time;
use crate::output::colour::{BAD, HEAD, paint};
use crate::output::table::{Cell, Column, numbers, words};
use crate::output::{complain, folded, say, say_json, say_table};

/// Where there is no figure.
const NONE: &str = "-";

/// Shows the report: one table and what follows from it, or one JSON document.
pub(super) fn report(report: &Report, output: Output) -> Result<()> {
    match output {
        Output::Json => say_json(report)?,
        Output::Text => text(report),
    }
    for run in report.runs.iter().filter(|run| !run.counted.adds_up()) {
        let counted = &run.counted;
        complain(&format!(
            "{}: THE COUNTS DO NOT ADD UP: of {} accounts {} were reset and {} told by the ledger; the sink took {} e-mails for \
             {} of them and {} for others. The figures mean nothing; please report this",
            mode_name(run.mode),
            counted.wanted,
            counted.reset,
            counted.notified,
            counted.emails,
            counted.pupils_told,
            counted.strangers
        ));
    }
    Ok(())
}

fn text(report: &Report) {
    say(&format!(
        "{} accounts, {} cores ({}), keybell {}",
        report.accounts, report.cores, report.processor, report.version
    ));
    for run in &report.runs {
        say(&format!("{}: {}", mode_name(run.mode), setting(run)));
    }
    say("");
    let mut columns: Vec<Column> = vec![words("")];
    columns.extend(report.runs.iter().map(|run| numbers(mode_name(run.mode))));
    if report.embedded_to_cluster.is_some() {
        columns.push(numbers("÷"));
    }
    say_table(&columns, &rows(report));
    say("");
    for run in report.runs.iter().filter(|run| run.counted.adds_up()) {
        let wanted = run.counted.wanted;
        say(&folded(&format!(
            "{}: {wanted} accounts reset in the ledger, {wanted} e-mails at the sink, for {wanted} pupils: it adds up.",
            mode_name(run.mode)
        )));
    }
    for note in &report.notes {
        say(&folded(&format!("{note}.")));
    }
    if report.without_hashing {
        say(&paint("\nWithout the cost of hashing: nothing is projected, and this is no safe setting.", BAD));
    }
    if let Some(projection) = &report.projection {
        say(&format!("\n{}", paint("Projected, not measured", HEAD)));
        say(&folded(&projected(projection)));
    }
}

fn setting(run: &Run) -> String {
    let workers = match (run.mode, run.reset_workers) {
        (RunMode::Embedded, _) => "one process".to_owned(),
        (RunMode::Cluster, 1) => "1 reset worker".to_owned(),
        (RunMode::Cluster, workers) => format!("{workers} reset workers"),
    };
    format!(
        "{workers}, {} hashing threads, Argon2id m = {} KiB, t = {}, p = {}",
        run.hashing_threads, run.memory_kib, run.passes, run.lanes
    )
}

fn projected(projection: &Projection) -> String {
    let Projection { accounts, cores, cores_needed, .. } = projection;
    let lasts =
        std::time::Duration::try_from_secs_f64(projection.seconds.ceil()).map_or_else(|_| "for ever".to_owned(), time);
    let within = time(std::time::Duration::from_secs(projection.within_seconds));
    let many = |cores: u64| if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
    format!(
        "{accounts} accounts on {} take {lasts}. {accounts} accounts within {within} need {}. That is {:.0} accounts/s for each \
         core, and it takes for granted that {}.",
        many(u64::from(*cores)),
        many(*cores_needed),
        projection.accounts_per_second_and_core,
        projection.assumes
    )
}

/// The table's rows, in groups.
fn rows(report: &Report) -> Vec<Vec<Cell>> {
    let mut table = Table { report, rows: Vec::new() };
    table.group("accounts/s");
    table.ratio("steady: 20 to 90 % of the accounts", |run| run.accounts_per_second);
    table.ratio("from the submission to the last e-mail", |run| {
        Some(run.accounts_per_second_from_submission_to_last_email)
    });
    if !report.without_hashing {
        table.group("tight loop on all cores, hashes/s");
        table.engines();
        table.group("accounts/s, steady, ÷ tight loop");
        table.figure("÷ L", 2, |run| run.ratio_to_limit);
        table.figure("÷ LB", 2, |run| run.ratio_to_library);
    }
    table.group("from the submission, s");
    table.figure("to the last commit", 2, |run| run.seconds_to_last_commit);
    table.figure("to the last e-mail", 2, |run| Some(run.seconds_to_last_email));
    table.group("CPU for each account, ms");
    table.processes(3, true, |process| process.cpu_ms_per_account);
    table.figure("all together", 3, |run| Some(run.cpu_ms_per_account));
    table.figure("of that, outside hashing", 3, |run| Some(run.cpu_ms_per_account_outside_hashing));
    table.figure("besides: mail sink and measuring", 3, |run| Some(run.bench_cpu_ms_per_account));
    table.group("resident memory at most, MiB");
    table.processes(0, false, |process| process.peak_memory_mib);
    table.group("from a commit to the live view, ms");
    table.figure("p50", 0, |run| run.board_delay_p50_ms);
    table.figure("p99", 0, |run| run.board_delay_p99_ms);
    table.rows
}

struct Table<'a> {
    report: &'a Report,
    rows: Vec<Vec<Cell>>,
}

impl Table<'_> {
    fn group(&mut self, name: &str) {
        self.rows.push(vec![Cell::styled(name, HEAD)]);
    }

    fn figure(&mut self, name: &str, digits: usize, figure: impl Fn(&Run) -> Option<f64>) {
        let mut row = vec![Cell::from(format!("  {name}"))];
        row.extend(self.report.runs.iter().map(|run| Cell::from(written(figure(run), digits))));
        self.rows.push(row);
    }

    /// A rate, and in the last column the first run's ÷ the second's.
    fn ratio(&mut self, name: &str, figure: impl Fn(&Run) -> Option<f64>) {
        self.figure(name, 1, &figure);
        if let [one, many] = self.report.runs.as_slice()
            && let Some(row) = self.rows.last_mut()
        {
            let ratio = figure(one).zip(figure(many)).filter(|(_, many)| *many > 0.0).map(|(one, many)| one / many);
            row.push(Cell::from(written(ratio, 2)));
        }
    }

    fn engines(&mut self) {
        let engines = self.report.runs.first().map(|run| run.engines.clone()).unwrap_or_default();
        for engine in engines {
            let of = |run: &Run| {
                let found = run.engines.iter().find(|other| other.name == engine.name);
                found.map(|engine| engine.hashes_per_second)
            };
            let limit = self.report.runs.iter().any(|run| of(run).is_some() && of(run) == run.limit_hashes_per_second);
            let library =
                self.report.runs.iter().any(|run| of(run).is_some() && of(run) == run.library_hashes_per_second);
            let mark = match (limit, library) {
                (true, true) => " (L, LB)",
                (true, false) => " (L)",
                (false, true) => " (LB)",
                (false, false) => "",
            };
            self.figure(&format!("{}{mark}", engine.name), 1, of);
        }
    }

    fn processes(&mut self, digits: usize, elsewhere: bool, figure: impl Fn(&Process) -> Option<f64>) {
        let mut names: Vec<&str> = Vec::new();
        for process in self.report.runs.iter().flat_map(|run| &run.processes) {
            // Of a server the processor time is told, or that it is spent elsewhere; its memory never is.
            let told = elsewhere || figure(process).is_some();
            if told && !names.contains(&process.name.as_str()) {
                names.push(&process.name);
            }
        }
        for name in names {
            let mut row = vec![Cell::from(format!("  {name}"))];
            for run in &self.report.runs {
                let process = run.processes.iter().find(|process| process.name == name);
                row.push(Cell::from(match process {
                    None => NONE.to_owned(),
                    Some(process) => {
                        figure(process).map_or_else(|| "elsewhere".to_owned(), |one| written(Some(one), digits))
                    }
                }));
            }
            self.rows.push(row);
        }
    }
}

fn written(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| NONE.to_owned(), |figure| format!("{figure:.digits$}"))
}
