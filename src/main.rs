//! The `gene` program; see [`gene::cli`].

fn main() -> std::process::ExitCode {
    gene::cli::main()
}
