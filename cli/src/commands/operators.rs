//! `eightbit operators`: the supported operators.

use std::io::Write;

use eightbit_graph::ops::{self, OPERATORS};
use serde_json::json;

use crate::args::OperatorsArgs;
use crate::error::CliError;
use crate::report::{self, Table};

pub(crate) fn run(args: &OperatorsArgs, out: &mut dyn Write) -> Result<(), CliError> {
    if args.markdown {
        write!(out, "{}", ops::documentation())?;
    } else if args.json {
        let operators = OPERATORS.iter().map(|operator| {
            json!({
                "name": operator.name,
                "domains": operator.domains,
                "since": operator.since,
                "eight_bit": operator.eight_bit(),
                "summary": operator.summary,
            })
        });
        report::json(out, &operators.collect())?;
    } else {
        let mut table = Table::new(&["operator", "eight bits", "what it computes"], 3);
        for operator in OPERATORS {
            table.row([operator.name, operator.eight_bit(), operator.summary].map(str::to_owned).to_vec());
        }
        table.write(out)?;
    }
    Ok(())
}
