// SPDX-License-Identifier: MIT OR Apache-2.0

use super::http::connect;
use super::page::{within, Page};
use jaula_tests::admin::wait_until_named;
use jaula_tests::ktap::{Context, Failure, Suite};
use jaula_tests::{check, check_eq, procfs, wait};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;

const PAGE: &str = include_str!("../../../../docs/services/postfix.md");

/// Who hands mail in from outside of the jail.
struct Sender(BufReader<TcpStream>);

impl Sender {
    fn new() -> Result<Self, Failure> {
        let mut sender = Sender(BufReader::new(connect(25)?));
        sender.expect("220")?;
        Ok(sender)
    }

    /// Says something, whose answer has to begin with `code`.
    fn say(&mut self, line: &str, code: &str) -> Result<(), Failure> {
        let text = format!("{line}\r\n");
        self.0.get_mut().write_all(text.as_bytes()).context(line)?;
        self.expect(code).context(line)
    }

    fn expect(&mut self, code: &str) -> Result<(), Failure> {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).context("the answer")?;
            check!(line.starts_with(code), "answered {line:?}");
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "postfix: mail from outside, and of a user in the jail",
        || {
            // The page sends the mail of a user.
            let page = Page::follow("postfix", PAGE)?;
            let mut sender = Sender::new()?;
            sender.say("EHLO outside.example", "250")?;
            sender.say("MAIL FROM:<somebody@outside.example>", "250")?;
            sender.say("RCPT TO:<nobody-there@jail.example>", "550")?;
            sender.say("RCPT TO:<bob@jail.example>", "250")?;
            sender.say("DATA", "354")?;
            sender.say("Subject: from outside\r\n\r\nText\r\n.", "250")?;
            let running = users(wait_until_named("mail")?)?;
            sender.say("QUIT", "221")?;
            check!(
                running.len() > 1 && running.contains(&0),
                "they run as {running:?}"
            );

            let delivered = "grep -c 'Subject: from outside' /var/mail/bob || true";
            wait::until("it is delivered", || {
                Ok(within("mail", &["sh", "-c", delivered])? == "1\n")
            })?;
            let files = [
                "stat",
                "--format=%U %G %a",
                "/var/mail/alice",
                "/var/mail/bob",
            ];
            let expected = "alice mail 600\nbob mail 600\n";
            check_eq!(within("mail", &files)?, expected, "the files");
            let queue = within("mail", &["postqueue", "-p"])?;
            check_eq!(queue.trim(), "Mail queue is empty", "the queue");
            page.end()
        },
    );
}

/// Whom the processes of a jail run as.
fn users(number: i64) -> Result<BTreeSet<u32>, Failure> {
    let mut users = BTreeSet::new();
    for pid in procfs::members(number)? {
        // What ends meanwhile is nobody.
        users.extend(fs::metadata(format!("/proc/{pid}")).map(|file| file.uid()));
    }
    Ok(users)
}
