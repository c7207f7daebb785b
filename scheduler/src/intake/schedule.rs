//! When a task begins: its start, and the blackout windows that put it off. The dispatcher acts on both; here is what is
//! checked and said beforehand.

use keybell_shared::clock::Millis;
use keybell_shared::config::{Window, deferral};
use keybell_shared::ids::DistrictId;
use keybell_shared::problem::Problem;
use keybell_shared::request::{FARTHEST_START_MS, LATE_START_MS, ResetRequest};

use super::Intake;

/// Why nothing of a task is handed out although nobody has paused it, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    /// When its next password may change, as far as is known now.
    pub until: Millis,
    /// What it waits for.
    pub why: Why,
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its start.
    Start,
    /// The end of a blackout window, which was made for this reason.
    Blackout(String),
}

impl Waits {
    /// What a task that starts then waits for now, where its district has these windows.
    #[must_use]
    pub fn of(starts_at: Option<Millis>, urgent: bool, windows: &[Window], now: Millis) -> Option<Self> {
        let start = starts_at.filter(|at| at.0 > now.0);
        if !urgent && let Some(deferral) = deferral(windows, start.unwrap_or(now)) {
            return Some(Self { until: deferral.until, why: Why::Blackout(deferral.reason) });
        }
        start.map(|until| Self { until, why: Why::Start })
    }
}

impl Intake {
    /// Says of tasks and plans that these windows put them off. The dispatcher does it.
    #[must_use]
    pub fn outside(self, windows: Vec<Window>) -> Self {
        Self { windows, ..self }
    }

    /// The blackout windows of a district.
    ///
    /// # Errors
    /// The ledger's own problems.
    pub async fn windows_of(&self, district: DistrictId) -> Result<Vec<Window>, Problem> {
        if self.windows.is_empty() {
            return Ok(Vec::new());
        }
        let districts = self.ledger.districts().await?;
        let own = districts.into_iter().find(|known| known.id == district);
        let concerns = |window: &&Window| own.as_ref().is_some_and(|own| window.concerns(&own.slug));
        Ok(self.windows.iter().filter(concerns).cloned().collect())
    }

    /// What a task of this request would wait for, if it was started now.
    pub(super) async fn would_wait(
        &self,
        district: DistrictId,
        request: &ResetRequest,
    ) -> Result<Option<Waits>, Problem> {
        let windows = self.windows_of(district).await?;
        if windows.is_empty() && request.start.is_none() {
            return Ok(None);
        }
        let starts_at = request.start.as_ref().and_then(keybell_shared::request::Start::instant);
        Ok(Waits::of(starts_at, request.is_urgent(), &windows, self.ledger.now().await?))
    }

    /// Refuses a start that is no instant, is over, or is farther ahead than a year, by the ledger's clock.
    pub(super) async fn start_lies_ahead(&self, request: &ResetRequest) -> Result<(), Problem> {
        let Some(start) = &request.start else { return Ok(()) };
        if !start.is_zone_sound() {
            let detail = "the name of a time zone has 1 to 64 characters, such as America/Chicago; it is only shown, so it \
                          may be left out";
            return Err(Problem::invalid("start.zone", "start.zone", detail));
        }
        let Some(at) = start.instant() else {
            let detail = "give a time in RFC 3339 with its offset from UTC, such as 2026-12-01T05:00:00-06:00 or \
                          2026-12-01T11:00:00Z; Keybell keeps no table of time zones";
            return Err(Problem::invalid("start.no_instant", "start.at", detail));
        };
        let now = self.ledger.now().await?;
        if at.0 < now.0.saturating_sub(LATE_START_MS) {
            let detail = format!(
                "{} is over: it is {} now; give a later time, or leave `start` out to begin at once",
                at.rfc3339(),
                now.rfc3339()
            );
            return Err(Problem::invalid("start.past", "start.at", detail));
        }
        if at.0 > now.0.saturating_add(FARTHEST_START_MS) {
            let detail = format!("{} is more than a year ahead; make the request later", at.rfc3339());
            return Err(Problem::invalid("start.too_far", "start.at", detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_waits_for_its_start_and_for_the_end_of_the_window_that_it_falls_into() {
        let exams = Window { from: Millis(100), until: Millis(200), districts: Vec::new(), reason: "exams".to_owned() };
        let windows = [exams];
        let waits = |starts_at: Option<i64>, urgent, now| {
            Waits::of(starts_at.map(Millis), urgent, &windows, Millis(now)).map(|waits| (waits.until.0, waits.why))
        };
        let blackout = Some((200, Why::Blackout("exams".to_owned())));
        assert_eq!(waits(None, false, 50), None);
        assert_eq!(waits(Some(80), false, 50), Some((80, Why::Start)));
        assert_eq!(waits(Some(150), false, 50), blackout);
        assert_eq!(waits(Some(80), false, 150), blackout, "its start is over");
        assert_eq!(waits(None, true, 150), None, "urgent");
        assert_eq!(waits(Some(180), true, 150), Some((180, Why::Start)), "urgent, and asked for later");
        assert_eq!(waits(None, false, 200), None);
    }
}
