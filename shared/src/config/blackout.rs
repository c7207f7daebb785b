//! Blackout windows: when no password of a district is to change, such as during exams.

use serde::{Deserialize, Deserializer};

use super::{ConfigError, fits};
use crate::clock::Millis;

/// More windows than this are a mistake.
const MAX_WINDOWS: usize = 500;

/// The longest reason: it is shown in one line.
const MAX_REASON: usize = 200;

/// Blackout windows. While one is open, nothing of its districts is handed out; what was handed out before is finished.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blackout {
    /// The windows, in any order; they may overlap.
    pub windows: Vec<Window>,
}

/// One window.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// When it begins: RFC 3339 with an offset.
    #[serde(deserialize_with = "instant")]
    pub from: Millis,
    /// When it ends: RFC 3339 with an offset.
    #[serde(deserialize_with = "instant")]
    pub until: Millis,
    /// The districts that it is for, by their short names; all of them when none is named.
    #[serde(default)]
    pub districts: Vec<String>,
    /// Why; shown to whoever waits.
    pub reason: String,
}

/// Until when a task's work is put off, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferral {
    /// The end of the last window in a row.
    pub until: Millis,
    /// The reason of the window that is open first.
    pub reason: String,
}

impl Window {
    /// Whether this window is for the district.
    #[must_use]
    pub fn concerns(&self, slug: &str) -> bool {
        self.districts.is_empty() || self.districts.iter().any(|district| district == slug)
    }

    const fn is_open(&self, at: Millis) -> bool {
        self.from.0 <= at.0 && at.0 < self.until.0
    }
}

/// Whether work that could begin at this time is put off by these windows, and until when: windows that follow each other
/// without a gap count as one.
#[must_use]
pub fn deferral(windows: &[Window], at: Millis) -> Option<Deferral> {
    let first = windows.iter().find(|window| window.is_open(at))?;
    let mut until = first.until;
    while let Some(next) = windows.iter().find(|window| window.is_open(until)) {
        until = next.until;
    }
    Some(Deferral { until, reason: first.reason.clone() })
}

impl Blackout {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let field = "blackout.windows";
        fits(self.windows.len() <= MAX_WINDOWS, field, || format!("at most {MAX_WINDOWS} windows"))?;
        for window in &self.windows {
            let place = || window.from.rfc3339();
            fits(window.from.0 < window.until.0, field, || {
                format!("the window from {} ends before it begins; change its `until`", place())
            })?;
            let blank = window.reason.trim().is_empty() || window.reason.chars().any(char::is_control);
            fits(!blank && window.reason.chars().count() <= MAX_REASON, field, || {
                format!("the window from {} needs a reason of 1 to {MAX_REASON} printable characters", place())
            })?;
            fits(!window.districts.iter().any(|slug| slug.trim().is_empty()), field, || {
                format!("a district of the window from {} is blank; remove it", place())
            })?;
        }
        Ok(())
    }
}

/// Reads a time that says its offset.
fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let text = String::deserialize(deserializer)?;
    Millis::from_rfc3339(&text).ok_or_else(|| {
        serde::de::Error::custom(format!("`{text}` is no time with an offset, such as 2026-12-07T06:00:00-06:00"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, until: i64) -> Window {
        Window { from: Millis(from), until: Millis(until), districts: Vec::new(), reason: format!("from {from}") }
    }

    #[test]
    fn windows_that_follow_each_other_defer_to_the_end_of_the_last() {
        let windows = [window(10, 20), window(20, 30), window(25, 40), window(41, 50)];
        let until = |at| deferral(&windows, Millis(at)).map(|deferral| (deferral.until.0, deferral.reason));
        assert_eq!(until(9), None);
        assert_eq!(until(10), Some((40, "from 10".to_owned())));
        assert_eq!(until(29), Some((40, "from 20".to_owned())));
        assert_eq!(until(40), None);
        assert_eq!(until(49), Some((50, "from 41".to_owned())));
        assert_eq!(until(50), None);
    }

    #[test]
    fn a_window_has_a_time_that_says_its_offset_a_reason_and_an_end_after_its_beginning() {
        let read = |text: &str| serde_json::from_str::<Blackout>(text);
        let text = r#"{"windows": [{"from": "2026-12-07T06:00:00-06:00", "until": "2026-12-11T18:00:00-06:00",
            "districts": ["north"], "reason": "Winter exams"}]}"#;
        let blackout = read(text).expect("a blackout");
        assert_eq!(blackout.check(), Ok(()));
        let exams = blackout.windows.first().expect("a window");
        assert!(exams.concerns("north") && !exams.concerns("south"));
        assert_eq!(exams.from.rfc3339(), "2026-12-07T12:00:00Z");
        assert!(read(&text.replace("06:00:00-06:00", "06:00:00")).is_err(), "no offset");
        for wrong in [text.replace("2026-12-11", "2026-12-01"), text.replace("Winter exams", " ")] {
            let error = read(&wrong).expect("it can be read").check().expect_err("it does not fit");
            assert_eq!(error.field, "blackout.windows");
        }
    }
}
