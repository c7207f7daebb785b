//! Recording spans and sending them to a collector, when the configuration names one. The only file that knows
//! OpenTelemetry; the rooms know [`keybell_shared::trace`].

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result};
use keybell_shared::config;
use keybell_shared::trace::{Recorder, TARGET, TraceParent};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

/// How long the collector may take for one delivery; spans that do not arrive are lost, and nothing waits for them.
const DELIVER_WITHIN: Duration = Duration::from_secs(5);

/// How long the end of the process waits for the last spans.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// The layer that records spans; `None` when no collector is configured.
pub(crate) fn layer<S>(tracing: &config::Tracing, service: &'static str) -> Result<Option<impl Layer<S> + use<S>>>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    if tracing.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", tracing.otlp_endpoint.trim_end_matches('/')))
        .with_timeout(DELIVER_WITHIN)
        .build()
        .context("tracing.otlp_endpoint: spans cannot be sent there")?;
    let resource = Resource::builder_empty()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder()
        // By the trace's id alone, whatever a caller asks for: all processes decide alike, and nobody outside does.
        .with_sampler(Sampler::TraceIdRatioBased(tracing.sample_ratio))
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("keybell");
    drop(PROVIDER.set(provider));
    keybell_shared::trace::install(Box::new(OpenTelemetry));
    // Our own spans and nothing else: no log lines, no spans of libraries, no file names and threads.
    let ours = Targets::new().with_target(TARGET, Level::INFO);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false);
    Ok(Some(layer.with_filter(ours)))
}

/// Sends what is left. Blocks for a bounded time, so it is called outside of the runtime.
pub(crate) fn finish() {
    if let Some(provider) = PROVIDER.get() {
        // Spans that cannot be delivered at the end are lost like any others.
        drop(provider.shutdown_with_timeout(FINISH_WITHIN));
    }
}

struct OpenTelemetry;

impl Recorder for OpenTelemetry {
    fn place(&self, span: &Span) -> Option<TraceParent> {
        let context = span.context();
        let place = context.span().span_context().clone();
        let trace = u128::from_be_bytes(place.trace_id().to_bytes());
        let id = u64::from_be_bytes(place.span_id().to_bytes());
        TraceParent::new(trace, id, place.is_sampled())
    }

    fn adopt(&self, span: &Span, parent: TraceParent) {
        let flags = if parent.sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
        let (trace, id) = (TraceId::from(parent.trace()), SpanId::from(parent.span()));
        let place = SpanContext::new(trace, id, flags, true, TraceState::default());
        if let Err(error) = span.set_parent(Context::new().with_remote_span_context(place)) {
            tracing::debug!(%error, "a span stays without its parent");
        }
    }
}
