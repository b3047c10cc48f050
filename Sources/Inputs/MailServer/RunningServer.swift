import Events
import ProcFS

/// A mail server that runs on this host: what it is, how many connections it serves, where it logs, and what of its own
/// settings holds slots.
package struct RunningServer: Equatable, Sendable {
    /// `nil` where something listens that tells nothing of whom it starts (inetd).
    package var mta: MTA?
    /// For a person: `Postfix`, `Postfix (postscreen)`.
    package var name: String
    package var listener: Listener
    /// How many connections are served at once, for each of its services.
    package var limits: [Limit] = []
    /// Its logs as `mta.log` names them; empty when it logs to syslog, which is wherever this host has it.
    package var logs: [String] = []
    /// The process through whose root its files are seen: the listener, as a rule.
    var filesPid: Int32
    /// The file read.
    package var configuration: String?
    package var remarks: [Remark] = []
    /// The DNSBLs that it asks, as far as its settings say.
    package var lists: [AskedList] = []

    /// Who listens.
    package struct Listener: Equatable, Sendable {
        package var pid: Int32
        /// As /proc/PID/comm has it.
        package var command: String
        package var ports: [UInt16]

        package init(pid: Int32, command: String, ports: [UInt16]) {
            self.pid = pid
            self.command = command
            self.ports = ports
        }
    }

    package struct Limit: Equatable, Sendable {
        /// The setting's name, with the service where there are several: `smtp: default_process_limit`.
        package var setting: String
        /// `nil`: as many as come.
        package var count: Int?
    }

    /// What a setting costs, and what would cost less.
    package struct Remark: Equatable, Sendable {
        package var subject: String
        package var text: String
        /// Without a remedy all is well.
        package var remedy: String?
    }

    init(_ mta: MTA?, _ name: String, _ listener: Listener) {
        self.mta = mta
        self.name = name
        self.listener = listener
        filesPid = listener.pid
    }

    /// The connections of all its services; `nil` where one of them has no limit, or none is known.
    package var slots: Int? {
        guard !limits.isEmpty else { return nil }
        var sum = 0
        for limit in limits {
            guard let count = limit.count else { return nil }
            sum += count
        }
        return sum
    }

    mutating func remark(_ subject: String, _ text: String, _ remedy: String? = nil) {
        remarks.append(Remark(subject: subject, text: text, remedy: remedy))
    }

    /// How long a peer that says nothing keeps its slot.
    mutating func remarkSilence(_ span: Duration, _ setting: String, _ remedy: String? = nil) {
        remark("timeout", "a silent peer holds its slot for \(span.span) after its last command (\(setting))", remedy)
    }
}
