//! The log of a trial that is run again, each line with the virtual time and the host that it is of.

use std::cell::Cell;

thread_local! {
    static AT: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

struct Printer;

impl log::Log for Printer {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let (time, host) = AT.get();
        println!("{time:>9} host {host}: {}", record.args());
    }

    fn flush(&self) {}
}

/// Prints what the nodes log from now on.
pub fn begin() {
    static PRINTER: Printer = Printer;
    if log::set_logger(&PRINTER).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

/// Says where the simulation is.
pub fn set(time: u64, host: usize) {
    AT.set((time, host));
}

/// Notes what is done to a host.
pub fn fault(time: u64, what: std::fmt::Arguments<'_>) {
    if log::max_level() != log::LevelFilter::Off {
        println!("{time:>9} ---- {what}");
    }
}
