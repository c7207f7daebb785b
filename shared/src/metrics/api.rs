//! What the API counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Buckets;

/// The labels of an answered request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HttpLabels {
    /// The method, one that some route knows.
    pub method: &'static str,
    /// The route's pattern, such as `/v1/tasks/{id}`; `-` for a path that no route has. Never the path itself.
    pub route: String,
    /// The status; 0 where statuses are not told apart.
    pub status: u16,
}

/// The labels of an answer's time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

/// What the API counts.
#[derive(Debug)]
pub struct Api {
    requests: Family<HttpLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, Buckets>,
    /// Requests whose answer's head was not sent yet.
    pub in_flight: Gauge,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(Buckets::SHORT),
            in_flight: Gauge::default(),
        }
    }
}

impl Api {
    /// Notes an answer: `seconds` from the request's head to the answer's head.
    pub fn answered(&self, method: &str, route: &str, status: u16, seconds: f64) {
        let method = known(method);
        // A text a request; everything on the workers' way has its labels ready made.
        let labels = HttpLabels { method, route: route.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&RouteLabels { method, route: labels.route }).observe(seconds);
    }

    /// Shows it.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("keybell_api_requests", "Answered HTTP requests", self.requests.clone());
        registry.register(
            "keybell_api_request_seconds",
            "Time from the head of a request to the head of its answer",
            self.seconds.clone(),
        );
        registry.register("keybell_api_requests_in_flight", "Requests that are being answered", self.in_flight.clone());
    }
}

/// The method if it is a usual one: a caller must not be able to make labels up.
fn known(method: &str) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    METHODS.into_iter().find(|known| *known == method).unwrap_or("other")
}
