import Addresses
import Events

/// What the daemon answers: any number of `row` records, then one `done` or `error` with the exit code.
package enum Reply {
    /// The word of a record that carries one row of the answer.
    package static let row = "row"

    /// The last record of a good answer. Code 0 or 1 (a "no" that is no error), with a sentence for the terminal.
    package static func done(_ code: Int = ExitStatus.yes, text: String? = nil) -> Record {
        var record = Record("done", [("code", String(code))])
        record.add("text", text)
        return record
    }

    /// The last record of a refusal.
    package static func error(_ code: Int, _ text: String) -> Record {
        Record("error", [("code", String(code)), ("text", text)])
    }
}

extension Ban {
    /// `net= since= until= timeout= why= by= count=`: a ban as a row of `list`, with instants in nanoseconds.
    package func record(hits: Int, shed: Int) -> Record {
        // Written out, as a list has tens of thousands: `add` is generic, and not specialised across targets.
        Record(
            Reply.row,
            [
                ("net", prefix.description), ("since", String(since.nanoseconds)), ("until", String(until.nanoseconds)),
                ("why", why), ("by", origin.rawValue), ("count", String(count)), ("hits", String(hits)),
                ("shed", String(shed)),
            ])
    }
}

extension Decision {
    /// One line for the log and for `events`: `ban prefix=192.0.2.7/32 timeout=1h reason=rbl:zen.example ...`.
    package var record: Record {
        var record = Record(kind.rawValue)
        record.fields.reserveCapacity(10)
        func add(_ key: String, _ value: String?) {
            if let value { record.fields.append((key, value)) }
        }
        add("prefix", prefix?.description)
        add("port", port.map { String($0) })
        add("pid", pid.map { String($0) })
        add("timeout", timeout?.span)
        add("reason", why)
        add("count", count.map { String($0) })
        add("outcome", outcome.rawValue)
        add("told", told.map { $0 ? "yes" : "no" })
        add("latency_us", latency.map { String($0.microseconds) })
        if isObserved { add("observed", "yes") }
        add("detail", detail)
        return record
    }

    /// The same with its time, for the control socket and the store.
    package var timedRecord: Record {
        var record = record
        record.fields.insert(("time", String(time.nanoseconds)), at: 0)
        return record
    }

    /// Reads `timedRecord` back.
    package init?(_ record: Record) {
        guard let kind = Kind(rawValue: record.word), let time = record["time"].flatMap({ Int64($0) }),
            let outcome = record["outcome"].flatMap(Outcome.init(rawValue:))
        else { return nil }
        self.init(kind, at: Instant(nanoseconds: time), why: record["reason"] ?? "", outcome: outcome)
        prefix = record["prefix"].flatMap { try? Prefix(parsing: $0) }
        port = record["port"].flatMap { UInt16($0) }
        pid = record["pid"].flatMap { Int32($0) }
        timeout = record["timeout"].flatMap { Duration(span: $0) }
        count = record["count"].flatMap { Int($0) }
        told = record["told"].map { $0 == "yes" }
        latency = record["latency_us"].flatMap { Int64($0) }.map { .microseconds($0) }
        isObserved = record["observed"] == "yes"
        detail = record["detail"]
    }
}
