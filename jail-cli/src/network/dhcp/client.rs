// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is asked when, and what becomes of the answers (RFC 2131, 4.4). It does nothing itself, so that it can
//! be tried without a network.
//!
//! Times are since the machine has started, whether it slept meanwhile or not.

use std::net::Ipv4Addr;
use std::time::Duration;

use smoltcp::wire::EthernetAddress;

use super::lease::Lease;
use super::message::{read, Answer, Ask, Asker, Known};

/// How long after it was asked first that is done again; each time twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// But no longer than this.
const LONGEST: Duration = Duration::from_secs(64);

/// How often a server that has offered an address is asked for it before others are.
const SELECTS: u32 = 4;

/// How long is waited after an address was refused.
const REFUSED: Duration = Duration::from_secs(2);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// This frame is to be sent.
    Send(Vec<u8>),
    /// The address is had, until then where it ends.
    Have(Lease, Option<Duration>),
    /// It is had no longer.
    Lost,
}

/// Who asks for an address and keeps it.
#[derive(Debug)]
pub struct Client {
    asker: Asker,
    state: State,
    /// What tells answers from those to others.
    number: u32,
    /// What it had, and asks for again.
    before: Option<Ipv4Addr>,
    /// Since when it asks.
    since: Duration,
    /// When it has asked last.
    sent: Duration,
    /// When it does something without having heard anything.
    next: Duration,
    /// Why an answer was not taken, last.
    odd: Option<String>,
    random: fn() -> u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Discovering { times: u32 },
    Selecting { offer: Lease, times: u32 },
    Bound(Box<Bound>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Bound {
    lease: Lease,
    by: EthernetAddress,
    /// When it was asked for.
    asked: Duration,
    /// Whether it is asked for once more.
    is_asking: bool,
}

impl Bound {
    fn known(&self) -> Known {
        Known {
            address: self.lease.address.addr(),
            server: self.lease.server,
            by: self.by,
        }
    }

    fn ends(&self) -> Option<Duration> {
        Some(self.asked + self.lease.times?.end)
    }
}

impl Client {
    /// One that has nothing, but perhaps had an address `before`.
    pub fn new(asker: Asker, before: Option<Ipv4Addr>, now: Duration, random: fn() -> u32) -> Self {
        Client {
            asker,
            state: State::Discovering { times: 0 },
            number: random(),
            before,
            since: now,
            sent: now,
            next: now,
            odd: None,
            random,
        }
    }

    /// When [`Self::go_on`] is to be called, if nothing is heard before.
    pub fn next(&self) -> Duration {
        self.next
    }

    /// Why the last answer was of no use, where one has come.
    pub fn odd(&self) -> Option<&str> {
        self.odd.as_deref()
    }

    /// Does what it is time for.
    pub fn go_on(&mut self, now: Duration) -> Vec<Do> {
        if now < self.next {
            return Vec::new();
        }
        match self.state.clone() {
            State::Discovering { times } => {
                self.state = State::Discovering {
                    times: times.saturating_add(1),
                };
                self.next = now + self.pause(times);
                vec![self.send(Ask::Discover(self.before), now)]
            }
            State::Selecting { times, .. } if times >= SELECTS => self.start_again(now, now),
            State::Selecting { offer, times } => {
                let ask = Ask::Select(offer.address.addr(), offer.server);
                self.state = State::Selecting {
                    offer,
                    times: times + 1,
                };
                self.next = now + self.pause(times);
                vec![self.send(ask, now)]
            }
            State::Bound(bound) => self.prolong(&bound, now),
        }
    }

    /// Asks to have longer what is had.
    fn prolong(&mut self, bound: &Bound, now: Duration) -> Vec<Do> {
        let Some(times) = bound.lease.times else {
            self.next = Duration::MAX;
            return Vec::new();
        };
        let (rebind, end) = (bound.asked + times.rebind, bound.asked + times.end);
        if now >= end {
            let mut all = vec![Do::Lost];
            self.before = Some(bound.lease.address.addr());
            all.extend(self.start_again(now, now));
            return all;
        }
        if now < bound.asked + times.renew {
            self.next = bound.asked + times.renew;
            return Vec::new();
        }
        if !bound.is_asking {
            // Answers to what was asked before are none to this.
            (self.since, self.number) = (now, (self.random)());
            self.state = State::Bound(Box::new(Bound {
                is_asking: true,
                ..bound.clone()
            }));
        }
        let (ask, until) = match now < rebind {
            true => (Ask::Renew(bound.known()), rebind),
            false => (Ask::Rebind(bound.lease.address.addr()), end),
        };
        // Half of what is left, but that is not asked without end.
        self.next = until.min(now + ((until - now) / 2).max(FIRST));
        vec![self.send(ask, now)]
    }

    /// Looks at a frame.
    pub fn hear(&mut self, frame: &[u8], now: Duration) -> Vec<Do> {
        let Some((answer, by)) = read(frame, &self.asker, self.number) else {
            return Vec::new();
        };
        match (self.state.clone(), answer) {
            (State::Discovering { times: 1.. }, Answer::Offer(Ok(offer))) => {
                self.state = State::Selecting { offer, times: 0 };
                self.next = now;
                self.go_on(now)
            }
            (State::Selecting { offer, .. }, Answer::Ack(Ok(lease)))
                if lease.address.addr() == offer.address.addr() =>
            {
                self.bind(lease, by, now)
            }
            (State::Selecting { offer, .. }, Answer::Nak(server))
                if server.is_none_or(|server| server == offer.server) =>
            {
                self.odd = Some(format!("{} refused {}", offer.server, offer.address.addr()));
                self.before = None;
                self.start_again(now, now + REFUSED)
            }
            (State::Bound(bound), Answer::Ack(Ok(lease)))
                if bound.is_asking && lease.address.addr() == bound.lease.address.addr() =>
            {
                self.bind(lease, by, now)
            }
            (State::Bound(bound), Answer::Nak(_)) if bound.is_asking => {
                self.before = None;
                let mut all = vec![Do::Lost];
                all.extend(self.start_again(now, now));
                all
            }
            (
                State::Discovering { .. } | State::Selecting { .. },
                Answer::Offer(Err(why)) | Answer::Ack(Err(why)),
            ) => {
                self.odd = Some(format!("an answer gives {why}"));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// What is sent where the address is not needed any more.
    pub fn release(&self) -> Option<Vec<u8>> {
        match &self.state {
            State::Bound(bound) => {
                let ask = Ask::Release(bound.known());
                Some(ask.frame(&self.asker, (self.random)(), 0))
            }
            _ => None,
        }
    }

    fn bind(&mut self, lease: Lease, by: EthernetAddress, now: Duration) -> Vec<Do> {
        let bound = Bound {
            lease: lease.clone(),
            by,
            // Before the server has begun to count.
            asked: self.sent,
            is_asking: false,
        };
        let ends = bound.ends();
        self.next = match lease.times {
            Some(times) => (self.sent + times.renew).max(now),
            None => Duration::MAX,
        };
        self.odd = None;
        self.state = State::Bound(Box::new(bound));
        vec![Do::Have(lease, ends)]
    }

    fn start_again(&mut self, now: Duration, next: Duration) -> Vec<Do> {
        self.state = State::Discovering { times: 0 };
        (self.number, self.since, self.next) = ((self.random)(), now, next);
        self.go_on(now)
    }

    fn send(&mut self, ask: Ask, now: Duration) -> Do {
        self.sent = now;
        let seconds = now.saturating_sub(self.since).as_secs();
        let seconds = u16::try_from(seconds).unwrap_or(u16::MAX);
        Do::Send(ask.frame(&self.asker, self.number, seconds))
    }

    /// Doubled each time; not the same for all that were started at once.
    fn pause(&self, times: u32) -> Duration {
        let pause = FIRST.saturating_mul(1 << times.min(6)).min(LONGEST);
        pause.mul_f32(0.875 + ((self.random)() % 256) as f32 / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::{asker, reply, usual, NUMBER};
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn client() -> Client {
        Client::new(asker(), None, seconds(0), || NUMBER)
    }

    fn bound() -> Client {
        let mut client = client();
        assert!(matches!(client.go_on(seconds(0))[..], [Do::Send(_)]));
        let said = client.hear(&usual(2), seconds(0));
        assert!(matches!(said[..], [Do::Send(_)]), "{said:?}");
        let said = client.hear(&usual(5), seconds(1));
        let [Do::Have(lease, ends)] = &said[..] else {
            panic!("{said:?}");
        };
        assert_eq!(lease.address.to_string(), "192.0.2.7/24");
        assert_eq!(*ends, Some(seconds(80)));
        client
    }

    #[test]
    fn who_hears_nothing_asks_again_and_again_but_not_all_the_time() {
        let mut client = client();
        let mut now = seconds(0);
        let mut asked = 0;
        while now < seconds(20) {
            asked += client.go_on(now).len();
            now = client.next();
        }
        assert!((4..=6).contains(&asked), "{asked} times in 20 s");
        while now < seconds(3600) {
            let before = now;
            client.go_on(now);
            now = client.next();
            assert!(now <= before + LONGEST * 9 / 8, "{now:?}");
        }
    }

    #[test]
    fn a_lease_is_renewed_then_asked_of_all_then_lost() {
        let mut client = bound();
        assert_eq!(client.next(), seconds(40));
        assert!(client.go_on(seconds(39)).is_empty());
        let (mut renewed, mut asked) = (0, Vec::new());
        let mut now = client.next();
        loop {
            let said = client.go_on(now);
            if said.contains(&Do::Lost) {
                break;
            }
            renewed += usize::from(now < seconds(70));
            asked.push(now);
            assert!(client.next() > now, "it would never end");
            now = client.next();
        }
        assert_eq!(now, seconds(80));
        assert!(renewed >= 2 && asked.len() < 24, "{asked:?}");
        assert!(client.release().is_none(), "there is nothing any more");
        // It goes on to ask.
        assert!(client.next() < seconds(90));
    }

    #[test]
    fn an_answer_makes_it_longer() {
        let mut client = bound();
        // An answer that nobody asked for.
        assert!(client.hear(&usual(5), seconds(20)).is_empty());
        client.go_on(seconds(40));
        let said = client.hear(&usual(5), seconds(41));
        assert!(matches!(&said[..], [Do::Have(_, Some(ends))] if *ends == seconds(120)));
        assert_eq!(client.next(), seconds(80));
        assert!(client.release().is_some());
    }

    #[test]
    fn what_is_refused_is_asked_for_no_more() {
        let nak = reply(NUMBER, [0; 4], &[(53, &[6]), (54, &[192, 0, 2, 1])]);
        let mut client = client();
        client.go_on(seconds(0));
        assert!(client.hear(&nak, seconds(0)).is_empty(), "of nothing");
        client.hear(&usual(2), seconds(0));
        assert!(client.hear(&nak, seconds(1)).is_empty());
        assert_eq!(client.next(), seconds(3));
        assert!(client.odd().is_some_and(|odd| odd.contains("refused")));
        let mut client = bound();
        assert!(client.hear(&nak, seconds(5)).is_empty(), "nobody asked");
        client.go_on(seconds(40));
        let said = client.hear(&nak, seconds(41));
        assert!(matches!(&said[..], [Do::Lost, Do::Send(_)]), "{said:?}");
    }

    #[test]
    fn what_makes_no_sense_is_told_and_not_taken() {
        let mut client = client();
        client.go_on(seconds(0));
        let odd = reply(NUMBER, [127, 0, 0, 1], &[(53, &[2])]);
        assert!(client.hear(&odd, seconds(0)).is_empty());
        assert!(client.odd().is_some());
        // Another address than the one that was offered.
        client.hear(&usual(2), seconds(1));
        let mask: &[u8] = &[255, 255, 255, 0];
        let options: [(u8, &[u8]); 4] = [
            (53, &[5]),
            (54, &[192, 0, 2, 1]),
            (1, mask),
            (51, &[0, 0, 0, 80]),
        ];
        let other = reply(NUMBER, [192, 0, 2, 8], &options);
        assert!(client.hear(&other, seconds(1)).is_empty());
    }
}
