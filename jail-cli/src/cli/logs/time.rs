// SPDX-License-Identifier: MIT OR Apache-2.0

//! Times of a log, as they are given and shown.

use std::str::FromStr;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ZonedDateTime};

/// A moment that somebody has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(Timestamp);

impl Moment {
    /// In milliseconds since 1970; the first one for what was before.
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.0.as_millisecond()).unwrap_or(0)
    }

    fn parse(text: &str, now: &ZonedDateTime) -> Option<Self> {
        let there = now.time_zone();
        let moment = if let Ok(moment) = text.parse::<Timestamp>() {
            moment
        } else if let Ok(moment) = text.parse::<DateTime>() {
            moment.to_zoned_datetime(there.clone()).ok()?.timestamp()
        } else if let Some(time) = time_of_day(text) {
            let moment = now.date().to_datetime(time);
            moment.to_zoned_datetime(there.clone()).ok()?.timestamp()
        } else {
            let ago = text.parse::<Span>().ok()?;
            now.checked_sub(ago.abs()).ok()?.timestamp()
        };
        Some(Moment(moment))
    }
}

/// A number alone is none: it may as well be meant as a length of time.
fn time_of_day(text: &str) -> Option<Time> {
    text.contains(':').then(|| text.parse().ok())?
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, &ZonedDateTime::now()).ok_or_else(|| {
            "expected a date, a time or both, such as \"2026-11-27 14:30\", or how long ago that \
             was, such as 10m"
                .into()
        })
    }
}

/// Shows a time in milliseconds since 1970, as it is on the clocks of this machine.
pub fn text(time: u64) -> String {
    let moment = i64::try_from(time)
        .ok()
        .and_then(|time| Timestamp::from_millisecond(time).ok());
    moment.map_or_else(unknown, |moment| shown(moment, TimeZone::system()))
}

fn shown(moment: Timestamp, there: TimeZone) -> String {
    let moment = moment.to_zoned_datetime(there);
    moment.strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string()
}

/// What stands for a time that is not known.
pub fn unknown() -> String {
    "-".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::offset;

    fn now() -> ZonedDateTime {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().expect("a moment");
        now.to_zoned_datetime(TimeZone::fixed(offset(2)))
    }

    #[test]
    fn moments_are_named_in_many_ways() {
        for (text, expected) in [
            ("2026-11-27", "2026-11-26T22:00:00Z"),
            ("2026-11-27 14:30", "2026-11-27T12:30:00Z"),
            ("2026-11-27T14:30:05.5", "2026-11-27T12:30:05.5Z"),
            ("2026-11-27T14:30:05.500+02:00", "2026-11-27T12:30:05.5Z"),
            ("2026-11-27 12:30:00Z", "2026-11-27T12:30:00Z"),
            ("08:15", "2026-11-27T06:15:00Z"),
            ("10m", "2026-11-27T11:50:00Z"),
            ("2h30m", "2026-11-27T09:30:00Z"),
            ("90 s", "2026-11-27T11:58:30Z"),
            ("1d", "2026-11-26T12:00:00Z"),
        ] {
            let expected: Timestamp = expected.parse().expect("a moment");
            assert_eq!(
                Moment::parse(text, &now()),
                Some(Moment(expected)),
                "{text}"
            );
        }
        for text in ["", "yesterdayish", "25:00", "2026-13-01", "10"] {
            assert_eq!(Moment::parse(text, &now()), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_named() {
        let moment = Timestamp::from_millisecond(1_795_780_800_123).expect("a moment");
        let text = shown(moment, TimeZone::fixed(offset(-3)));
        assert_eq!(text, "2026-11-27T09:00:00.123-03:00");
        assert_eq!(Moment::parse(&text, &now()), Some(Moment(moment)));
    }
}
