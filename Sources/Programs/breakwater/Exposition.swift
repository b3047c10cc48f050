import Events

/// The daemon's figures in the text form that Prometheus scrapes (its text exposition format 0.0.4): what
/// `export prometheus` prints for node_exporter's textfile collector.
///
/// Base units, `_total` on counters, and never an address in a label: who attacks must not decide how many series a
/// monitoring server keeps.
struct Exposition {
    private(set) var text = ""

    /// One metric with its samples; without any there is nothing to say.
    mutating func add(
        _ name: String, _ type: String, _ help: String, _ samples: [(labels: [(String, String)], value: String)]
    ) {
        guard !samples.isEmpty else { return }
        text += "# HELP breakwater_\(name) \(help)\n# TYPE breakwater_\(name) \(type)\n"
        for sample in samples { line(name, sample.labels, sample.value) }
    }

    /// A histogram whose buckets hold what each has beyond the one before; the last bound is infinity.
    mutating func add(histogram name: String, _ help: String, bounds: [String], counts: [Int], sum: String) {
        text += "# HELP breakwater_\(name) \(help)\n# TYPE breakwater_\(name) histogram\n"
        var total = 0
        for (bound, count) in zip(bounds + ["+Inf"], counts) {
            total += count
            line(name + "_bucket", [("le", bound)], "\(total)")
        }
        line(name + "_sum", [], sum)
        line(name + "_count", [], "\(total)")
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: String) {
        text += "breakwater_" + name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0)=\"\(Exposition.escaped($1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        Record.escaped(value.utf8, limit: 100).reduce(into: "") { $0 += $1 == "\\" ? "\\\\" : String($1) }
    }
}

extension Exposition {
    /// Everything that a `status` row tells.
    init(_ row: Record) {
        func value(_ key: String) -> [(labels: [(String, String)], value: String)] {
            row.integer(key).map { [([], "\($0)")] } ?? []
        }
        /// Fields of one key, `COUNT WORD ...`, as samples labelled with the words.
        func samples(_ key: String, _ labels: [String]) -> [(labels: [(String, String)], value: String)] {
            row.fields.filter { $0.key == key }.compactMap { field in
                let words = field.value.split(separator: " ").map(String.init)
                guard words.count == labels.count + 1, let count = Int(words[0]) else { return nil }
                return (Array(zip(labels, words.dropFirst().map { $0 == "-" ? "" : $0 })), "\(count)")
            }.sorted { $0.labels.lexicographicallyPrecedes($1.labels, by: <) }
        }
        add("build_info", "gauge", "The daemon's version.", row["version"].map { [([("version", $0)], "1")] } ?? [])
        add(
            "enforcing", "gauge", "1 when orders are carried out, 0 when they are only noted.",
            row["mode"].map { [([], $0 == "enforcing" ? "1" : "0")] } ?? [])
        add(
            "start_time_seconds", "gauge", "When the daemon began, in seconds since 1970.",
            row.instant("since").map { [([], "\($0.seconds)")] } ?? [])
        add("resident_memory_bytes", "gauge", "Memory of the daemon.", value("rss_bytes"))
        add(
            "connections", "gauge", "Connections to the mail server's listeners, when last counted.",
            value("connections"))
        add("slots_used", "gauge", "Slots of the mail server in use, when last counted.", value("slots_used"))
        add("slots_limit", "gauge", "Slots that the mail server has.", value("slots_limit"))
        add(
            "log_lines_total", "counter", "Lines of the mail server's log since the start of the daemon.",
            [
                ("read", (row.integer("lines") ?? 0) - (row.integer("unread") ?? 0)),
                ("unread", row.integer("unread") ?? 0),
            ]
            .map { ([("result", $0)], "\($1)") })
        add(
            "last_line_time_seconds", "gauge", "When the last line with an event came, in seconds since 1970.",
            row.instant("last_line").map { [([], "\($0.seconds)")] } ?? [])
        add(
            "rejections_total", "counter", "Rejections in the log, by class and DNSBL; the rarer ones are \"other\".",
            samples("rejected", ["class", "dnsbl"]))
        add("bans_active", "gauge", "Bans that last, by family and kind.", samples("active", ["family", "kind"]))
        add("bans_total", "counter", "Bans made since the start of the daemon.", value("bans_made"))
        add(
            "sheds_total", "counter", "Connections to end, by what came of it.",
            [("done", "sheds"), ("gone", "gone"), ("failed", "failed")].compactMap { label, key in
                row.integer(key).map { ([("outcome", label)], "\($0)") }
            })
        add("sheds_told_total", "counter", "Connections ended whose peer had its 5xx.", value("told"))
        add("observed_total", "counter", "Orders only noted, while observing.", value("observed"))
        add(
            "dropped_packets_total", "counter", "Packets that the rules dropped.",
            [("banned", "dropped"), ("limit", "limited")].compactMap { label, key in
                row.integer(key).map { ([("rule", label)], "\($0)") }
            })
        add(
            "dropped_bytes_total", "counter", "Bytes of the packets that the rules dropped.",
            [("banned", "dropped_bytes"), ("limit", "limited_bytes")].compactMap { label, key in
                row.integer(key).map { ([("rule", label)], "\($0)") }
            })
        add("known_senders", "gauge", "Senders whose mail was accepted lately.", value("known"))
        add("sources_tracked", "gauge", "Sources that are remembered.", value("tracked"))
        add("sources_evicted_total", "counter", "Sources forgotten for want of room.", value("evicted"))
        add(
            "repaired_total", "counter", "Elements and rules put back after somebody else took them away.",
            value("repaired"))
        add(
            "dnsbl_suspended", "gauge", "DNSBLs on whose word nobody is banned now, as they list known senders.",
            (row["suspended"] ?? "").split(separator: " ").map { ([("dnsbl", String($0))], "1") })
        add(
            "problems", "gauge", "Things that are wrong now; see breakwater status.",
            [([], "\((row["problems"] ?? "").isEmpty ? 0 : (row["problems"] ?? "").split(separator: ";").count)")])
        if let buckets = row["free_buckets"]?.split(separator: " ").compactMap({ Int($0) }),
            let bounds = row["free_bounds"]?.split(separator: " ").map(String.init), buckets.count == bounds.count + 1,
            let sum = row["free_sum"]
        {
            add(
                histogram: "shed_latency_seconds", "From the rejection in the log to its slot being free.",
                bounds: bounds,
                counts: buckets, sum: sum)
        }
    }
}
