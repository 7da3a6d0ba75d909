//! The binary: reads the command line and hands over.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
