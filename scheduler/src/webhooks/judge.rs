//! What an endpoint's answer means for the message.

use std::time::Duration;

use keybell_shared::config::{LONGEST_WAIT, Webhooks};
use keybell_shared::ports::ledger::DeliveryFate;
use keybell_shared::ports::webhooks::WebhookAnswer;
use keybell_shared::retry::{RetryPolicy, delay_after};

/// The fate of a message that failed `attempts` times before this answer, and the reason in words.
pub(super) fn judge(answer: WebhookAnswer, attempts: u32, config: &Webhooks) -> (DeliveryFate, String) {
    match answer {
        WebhookAnswer::Taken => (DeliveryFate::Delivered, String::new()),
        WebhookAnswer::Gone => {
            (DeliveryFate::Disable { reason: "gone" }, "the endpoint answered 410: it wants no more".to_owned())
        }
        WebhookAnswer::Failed { detail, retry_after } => {
            let next = usize::try_from(attempts).ok().and_then(|done| config.retry.get(done));
            let fate = match next {
                None => DeliveryFate::Disable { reason: "exhausted" },
                Some(wait) => {
                    let asked = retry_after.unwrap_or_default().min(LONGEST_WAIT);
                    DeliveryFate::Retry(jittered(*wait, config.retry_jitter).max(asked))
                }
            };
            (fate, detail)
        }
    }
}

fn jittered(wait: Duration, jitter: f64) -> Duration {
    let policy = RetryPolicy { initial: wait, multiplier: 1.0, max: wait.mul_f64(1.0 + jitter), jitter };
    delay_after(1, &policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(retry_after: Option<Duration>) -> WebhookAnswer {
        WebhookAnswer::Failed { detail: "the endpoint answered 500".to_owned(), retry_after }
    }

    #[test]
    fn waits_follow_the_list_and_the_last_failure_disables() {
        let config = Webhooks::default();
        for (attempts, middle) in (0..).zip([5.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0]) {
            let (fate, detail) = judge(failed(None), attempts, &config);
            let DeliveryFate::Retry(wait) = fate else { panic!("{attempts}: {fate:?}") };
            let wait = wait.as_secs_f64();
            assert!(wait >= middle * 0.79 && wait <= middle * 1.21, "{attempts}: {wait}");
            assert_eq!(detail, "the endpoint answered 500");
        }
        assert_eq!(judge(failed(None), 6, &config).0, DeliveryFate::Disable { reason: "exhausted" });
    }

    #[test]
    fn a_longer_wait_is_respected_up_to_a_day() {
        let config = Webhooks { retry_jitter: 0.0, ..Webhooks::default() };
        let wait = |seconds| judge(failed(Some(Duration::from_secs(seconds))), 1, &config).0;
        assert_eq!(wait(1), DeliveryFate::Retry(Duration::from_mins(1)));
        assert_eq!(wait(90), DeliveryFate::Retry(Duration::from_secs(90)));
        assert_eq!(wait(u64::MAX), DeliveryFate::Retry(LONGEST_WAIT));
    }

    #[test]
    fn gone_disables_at_once_and_taken_ends_it() {
        let config = Webhooks::default();
        assert_eq!(judge(WebhookAnswer::Gone, 0, &config).0, DeliveryFate::Disable { reason: "gone" });
        assert_eq!(judge(WebhookAnswer::Taken, 3, &config), (DeliveryFate::Delivered, String::new()));
    }
}
