//! From OpenMetrics to the older text format of Prometheus, for readers that know only that one.
//!
//! The two differ in the name under which a counter or an info is described, and in lines that the older one lacks.

/// The same metrics in the text format of Prometheus, version 0.0.4.
pub(super) fn prometheus(open: &str) -> String {
    let mut out = String::with_capacity(open.len());
    let mut help: Option<(&str, &str)> = None;
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some((_, words)) = help.take().filter(|(described, _)| *described == name) {
                line_of(&mut out, &["# HELP ", name, suffix, " ", words]);
            }
            line_of(&mut out, &["# TYPE ", name, suffix, " ", kind]);
        } else if !line.starts_with("# UNIT ") && line != "# EOF" {
            line_of(&mut out, &[line]);
        }
    }
    out
}

fn line_of(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_infos_are_described_under_their_full_name() {
        let open = "# HELP a Things.\n# TYPE a counter\na_total{x=\"1\"} 3\n# HELP b Build.\n# TYPE b info\n\
                    b_info{version=\"1\"} 1\n# HELP c_seconds Time.\n# TYPE c_seconds histogram\n# UNIT c_seconds seconds\n\
                    c_seconds_sum 1.5\n# EOF\n";
        let text = "# HELP a_total Things.\n# TYPE a_total counter\na_total{x=\"1\"} 3\n# HELP b_info Build.\n\
                    # TYPE b_info gauge\nb_info{version=\"1\"} 1\n# HELP c_seconds Time.\n\
                    # TYPE c_seconds histogram\nc_seconds_sum 1.5\n";
        assert_eq!(prometheus(open), text);
    }
}
