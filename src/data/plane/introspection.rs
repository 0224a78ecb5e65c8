//! Commands that look into the node: COMMAND, SLOWLOG, LATENCY, MEMORY.

use super::Plane;
use super::ask::{Finish, Next};
use super::dispatch::{Flow, Request};
use super::figures::Figures;
use super::message::{Answer, Inquiry};
use crate::data::command::{SessionHandler, latency, slowlog, spec};
use crate::resp::{Error, Reply};
use std::collections::BTreeSet;

/// Handlers of this file; all wait for all earlier replies of their client.
pub const NODE_HANDLERS: &[(&str, SessionHandler)] = &[
    ("command", command),
    ("command|count", command),
    ("command|docs", command),
    ("command|getkeys", command),
    ("command|getkeysandflags", command),
    ("command|help", command),
    ("command|info", command),
    ("command|list", command),
    ("slowlog|get", slowlog_get),
    ("slowlog|len", slowlog_len),
    ("slowlog|reset", |plane, at, _| plane.tell_all_and_ok(at, Inquiry::SlowLogReset)),
    ("slowlog|help", |plane, at, _| written(plane, at, slowlog::write_help)),
    ("latency|latest", |plane, at, request| latency_report(plane, at, request, Report::Latest)),
    ("latency|history", |plane, at, request| latency_report(plane, at, request, Report::History)),
    ("latency|graph", |plane, at, request| latency_report(plane, at, request, Report::Graph)),
    ("latency|doctor", |plane, at, request| latency_report(plane, at, request, Report::Doctor)),
    ("latency|reset", latency_reset),
    ("latency|histogram", latency_histogram),
    ("latency|help", |plane, at, _| written(plane, at, latency::write_help)),
    ("memory|purge", |plane, at, _| written(plane, at, |reply| reply.ok())),
];

type Done = Result<Flow, Error>;

fn written(plane: &mut Plane, at: u32, write: impl FnOnce(&mut Reply<'_>)) -> Done {
    write(&mut plane.reply(at));
    Ok(Flow::Done)
}

fn command(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let registry = plane.registry;
    spec::introspect::command(request.args, &mut plane.reply(at), |spec| registry.has(spec))?;
    Ok(Flow::Done)
}

fn merged_slowlog(plane: &Plane, answers: Vec<Answer>) -> Vec<slowlog::Entry> {
    let logs =
        answers.into_iter().map(|answer| if let Answer::SlowLog(entries) = answer { entries } else { Vec::new() });
    slowlog::merge(logs, &plane.settings)
}

fn slowlog_get(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let count = slowlog::parse_count(request.args)?;
    let finish: Finish = Box::new(move |plane, at, answers| {
        let entries = merged_slowlog(plane, answers);
        slowlog::write(&entries[..entries.len().min(count)], &mut plane.reply(at));
    });
    plane.ask(at, plane.data_cores(), Inquiry::SlowLog, finish)
}

fn slowlog_len(plane: &mut Plane, at: u32, _: &Request<'_>) -> Done {
    let finish: Finish = Box::new(|plane, at, answers| {
        let count = merged_slowlog(plane, answers).len();
        plane.reply(at).int(count as i64);
    });
    plane.ask(at, plane.data_cores(), Inquiry::SlowLog, finish)
}

#[derive(Clone, Copy)]
enum Report {
    Latest,
    History,
    Graph,
    Doctor,
}

fn latency_report(plane: &mut Plane, at: u32, request: &Request<'_>, report: Report) -> Done {
    let event = request.args.get(2).map(|event| event.to_vec()).unwrap_or_default();
    let next: Next = Box::new(move |plane, at, answers| {
        let mut monitor = latency::Monitor::default();
        for answer in &answers {
            if let Answer::Latency(part) = answer {
                monitor.merge(part);
            }
        }
        let now = plane.now.unix_ms;
        let doctor = latency::doctor::report(&monitor, &plane.settings, now);
        let mut reply = plane.reply(at);
        match report {
            Report::Latest => monitor.write_latest(&mut reply),
            Report::History => monitor.write_history(&event, &mut reply),
            Report::Graph => monitor.write_graph(&event, now, &mut reply)?,
            Report::Doctor => reply.verbatim(doctor.as_bytes()),
        }
        Ok(Flow::Done)
    });
    plane.ask_then(at, plane.data_cores(), Inquiry::Latency, next)
}

fn latency_reset(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let events = request.args[2..].iter().map(|event| Box::from(*event)).collect();
    let finish: Finish = Box::new(|plane, at, answers| {
        let names: BTreeSet<&'static str> = answers
            .into_iter()
            .flat_map(|answer| if let Answer::Names(names) = answer { names } else { Vec::new() })
            .collect();
        plane.reply(at).int(names.len() as i64);
    });
    plane.ask(at, plane.data_cores(), Inquiry::LatencyReset(events), finish)
}

fn latency_histogram(plane: &mut Plane, at: u32, request: &Request<'_>) -> Done {
    let registry = plane.registry;
    let mut ids = Vec::new();
    for name in &request.args[2..] {
        let Some(found) = registry.find_by_full_name(name) else { continue };
        let members = std::iter::once(found).chain(found.subcommands());
        ids.extend(members.filter(|spec| registry.runs(spec)).map(|spec| spec.id() as u16));
    }
    let ids = (request.args.len() > 2).then_some(ids);
    let finish: Finish = Box::new(move |plane, at, answers| {
        let figures = Figures::merged(answers);
        figures.commands.histograms(ids.as_deref(), super::info::command_name, &mut plane.reply(at));
    });
    plane.ask(at, plane.data_cores(), Inquiry::Figures, finish)
}
