//! The program: arguments in, a node out.

use coreslot::node::boot;
use coreslot::node::config::command_line::{self, Invocation};
use std::process::ExitCode;

fn main() -> ExitCode {
    match command_line::parse(std::env::args_os().skip(1), std::io::stdin()) {
        Ok(Invocation::Run(config)) => match boot::run(*config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE, // It has told why.
        },
        Ok(Invocation::Print(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
