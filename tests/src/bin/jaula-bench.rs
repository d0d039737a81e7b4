// SPDX-License-Identifier: MIT OR Apache-2.0

//! Prints what operations cost: `NAME<TAB>NANOSECONDS` a line, `-` where the kernel lacks one.
//!
//! On a machine whose clock advances one nanosecond for each instruction (`-icount shift=0`) the
//! figures are instructions.

use jaula_tests::bench::{exec_again, EXEC_ARGUMENT, OPERATIONS};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => measure(),
        [again, left] if again == EXEC_ARGUMENT => match left.parse() {
            Ok(left) => ExitCode::from(u8::from(exec_again(left) != 0)),
            Err(_) => ExitCode::from(2),
        },
        _ => {
            println!("usage: jaula-bench");
            println!("prints NAME<TAB>NANOSECONDS for one of each:");
            for operation in OPERATIONS {
                println!("  {:<24}{}", operation.name, operation.meaning);
            }
            ExitCode::from(2)
        }
    }
}

fn measure() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for operation in OPERATIONS {
        match (operation.measure)() {
            Ok(Some(cost)) => println!("{}\t{cost:.0}", operation.name),
            Ok(None) => println!("{}\t-", operation.name),
            Err(failure) => {
                eprintln!("jaula-bench: {}: {failure}", operation.name);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
