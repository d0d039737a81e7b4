// SPDX-License-Identifier: MIT OR Apache-2.0

use super::http::connect;
use super::page::{bash, Page};
use jaula_tests::ktap::{fail, Context, Failure, Suite};
use jaula_tests::{check, check_eq, wait};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;

const PAGE: &str = include_str!("../../../../docs/services/redis.md");
const PORT: u16 = 6379;
const CLIENTS: usize = 4;
const EACH: usize = 500;

/// A connection, whose answers are single lines.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new() -> Result<Self, Failure> {
        Ok(Client(BufReader::new(connect(PORT)?)))
    }

    fn send(&mut self, command: &str) -> Result<(), Failure> {
        let line = format!("{command}\r\n");
        self.0
            .get_mut()
            .write_all(line.as_bytes())
            .context("asking")
    }

    fn answer(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.0.read_line(&mut line).context("the answer")?;
        Ok(line.trim_end().to_owned())
    }

    fn ask(&mut self, command: &str) -> Result<String, Failure> {
        self.send(command)?;
        self.answer()
    }
}

/// Counts by many commands that are on the way at a time.
fn count_up() -> Result<(), Failure> {
    let mut client = Client::new()?;
    for _ in 0..EACH {
        client.send("INCR counter")?;
    }
    for _ in 0..EACH {
        let answer = client.answer()?;
        check!(answer.starts_with(':'), "{answer}");
    }
    Ok(())
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "redis: what is set is there, after a restart as well",
        || {
            let page = Page::follow("redis", PAGE)?;
            let mut client = Client::new()?;
            let value = "x".repeat(50_000);
            check_eq!(client.ask(&format!("SET large {value}"))?, "+OK", "SET");
            check_eq!(client.ask("STRLEN large")?, ":50000", "STRLEN");
            let counting: Vec<_> = (0..CLIENTS).map(|_| thread::spawn(count_up)).collect();
            for thread in counting {
                thread.join().map_err(|_| fail("a client has panicked"))??;
            }
            let total = format!(":{}", CLIENTS * EACH);
            check_eq!(client.ask("INCRBY counter 0")?, total, "the counter");

            // By a child that has the same memory as of then.
            let before = client.ask("LASTSAVE")?;
            wait::until("a second has passed", || Ok(now(&mut client)? != before))?;
            let answer = client.ask("BGSAVE")?;
            check!(answer.starts_with("+Background saving"), "{answer}");
            wait::until("it is saved", || Ok(client.ask("LASTSAVE")? != before))?;

            check_eq!(client.ask("SET last 1")?, "+OK", "SET");
            bash("jaula stop cache")?;
            check!(connect(PORT).is_err(), "it is still there");
            bash(&format!("jaula up --quiet {}", page.description()))?;
            let mut client = Client::new()?;
            check_eq!(client.ask("INCRBY counter 0")?, total, "the counter");
            check_eq!(client.ask("STRLEN large")?, ":50000", "STRLEN");
            check_eq!(client.ask("INCRBY last 0")?, ":1", "what was set last");
            page.end()
        },
    );
}

/// Its clock, as LASTSAVE has it.
fn now(client: &mut Client) -> Result<String, Failure> {
    let count = client.ask("TIME")?;
    check_eq!(count, "*2", "TIME");
    let mut values = Vec::new();
    for _ in 0..4 {
        values.push(client.answer()?);
    }
    Ok(format!(":{}", values[1]))
}
