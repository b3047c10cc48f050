import CLinux
import Configuration
import Events
import Glibc
import MailServer
import Posix
import ProcFS

/// What `doctor` finds in a Courier's own settings: what holds its slots, what that costs, what changing it would save.
extension Examination {
    mutating func checkCourier(_ server: RunningServer) {
        let (courier, file) = CourierHost.settings(listener: server.listener.pid)
        if let file {
            add(.ok, "courier", "read \(file) and the arguments of couriertcpd")
        } else {
            add(
                .warn, "courier", "its configuration is not where it is looked for",
                "run as root; TARPIT cannot be told otherwise")
        }
        if let limit = courier.maxDaemons {
            add(
                .ok, "slots",
                "MAXDAEMONS serves \(limit) connections at once, about \(limit * 600 / 1000) MB when all are taken")
            if case .count(let set) = settings.mta.slots, set != limit {
                add(.warn, "slots", "[mta] slots = \(set), but couriertcpd serves \(limit)", "set it to \"auto\"")
            }
        } else {
            add(
                .warn, "slots", "MAXDAEMONS is not known",
                "set [mta] slots to the number of connections that are served")
        }
        if let limit = courier.maxPerNetwork, limit < 10 {
            add(
                .warn, "slots",
                "MAXPERC=\(limit): one /24 gets no more than \(limit) connections at once, and a refusal is not logged",
                "raise it if large senders share a network with each other")
        }
        checkTarpit(courier)
        checkTimeouts(courier)
        if courier.logsDialogue {
            add(
                .fail, "courier",
                "ESMTP_LOG_DIALOG is on: a client's lines stand in the log like Courier's own, so none can be believed",
                "ESMTP_LOG_DIALOG=0 in esmtpd and a restart of Courier")
        }
        for block in courier.blocksThatCannotWork {
            add(
                .warn, "dnsbl",
                "\(shown(block)) may list nobody: without a text it asks for ANY, which many resolvers do not answer",
                "write it as -block=ZONE,BLOCK,* (the list's text) or -block=ZONE,BLOCK,text, quoted in BLACKLISTS")
        }
        if courier.blocks.isEmpty {
            add(
                .warn, "dnsbl", "Courier asks no DNSBL",
                "set BLACKLISTS in esmtpd: without rejections there is nobody to ban")
        } else if courier.blocksThatCannotWork.count < courier.blocks.count {
            let count = courier.blocks.count - courier.blocksThatCannotWork.count
            add(.ok, "dnsbl", count == 1 ? "1 list is asked" : "\(count) lists are asked")
        }
    }

    private mutating func checkTarpit(_ courier: CourierSettings) {
        guard courier.isTarpitOn ?? true else { return add(.ok, "tarpit", "TARPIT=0: replies come at once") }
        let cost =
            "TARPIT is on: a rejected peer gets its reply after 8, 16, 32 ... s and holds its slot meanwhile"
            + (recentCost.map { "; \($0)" } ?? "")
        let remedy = "TARPIT=0 in esmtpd and a restart of Courier give back 8 slot-seconds for each rejected recipient"
        guard settings.shed.method != .off else {
            return add(.warn, "tarpit", "\(cost). [shed] method = \"off\" frees none and cuts nothing short", remedy)
        }
        guard settings.shed.early != .off else {
            return add(.warn, "tarpit", cost, "\(remedy); so does [shed] early = \"always\" for listed peers")
        }
        if let obstacle = obstacleToEarly {
            return add(.warn, "tarpit", "\(cost). [shed] early cannot cut it short: \(obstacle)", remedy)
        }
        let pressed = settings.shed.early == .pressure ? " while half of the slots are taken" : ""
        let enforcing = (try? daemon.get())?["mode"] == "enforcing" ? "" : ", once breakwater enforces"
        add(
            .ok, "tarpit",
            "\(cost). For listed peers [shed] early cuts it short\(pressed)\(enforcing); \(remedy), early or not")
    }

    /// Why no tarpit is cut short, whatever the configuration says: as the daemon has found, or as can be seen from here.
    private var obstacleToEarly: String? {
        if let problem = (try? daemon.get())?["early_problem"] { return problem }
        if bw_trace_can_end_sleep() == 0 { return "it is known for x86-64 only" }
        return scopeOfPtrace < 3 ? nil : "kernel.yama.ptrace_scope = 3 forbids it"
    }

    /// What the listed peers at the log's end cost: slot-seconds, and how many slots that is on the average. The log does
    /// not say which of them were answered early.
    private var recentCost: String? {
        guard let listings, listings.count > 1 else { return nil }
        let cost = listings.count * 8
        let span = max(.seconds(1), listings.last - listings.first)
        let slots = Int((Double(cost) / max(1, span.inSeconds)).rounded())
        return "the last \(grouped(listings.count)) listings in the log, within \(span.span), "
            + "are \(grouped(cost)) slot-seconds of waiting if nothing cuts it short, \(grouped(slots)) slots at a time"
    }

    private mutating func checkTimeouts(_ courier: CourierSettings) {
        let (command, data) = (courier.commandTimeout ?? .seconds(600), courier.dataTimeout ?? .seconds(300))
        let text =
            "a silent peer holds its slot for \(command.span) after its last command (esmtptimeout), "
            + "\(data.span) in DATA (esmtpdata)"
        if command <= .seconds(300) {
            add(.ok, "timeout", text)
        } else {
            // RFC 5321, 4.5.3.2.7: a server waits for the next command for 5 minutes at least.
            let saved = Int((command - .seconds(300)).inSeconds)
            add(
                .ok, "timeout",
                text
                    + "; \"5m\" in /etc/courier/esmtptimeout, the least that RFC 5321 has, would save \(grouped(saved)) "
                    + "slot-seconds for each that falls silent (it holds for outgoing mail, too). Listed peers are shed long before"
            )
        }
    }

    /// kernel.yama.ptrace_scope; 0 where Yama is not built in.
    private var scopeOfPtrace: Int {
        let bytes = try? contents(of: "/proc/sys/kernel/yama/ptrace_scope")
        return bytes.flatMap { Int(String(decoding: $0.prefix { $0 >= 0x30 && $0 <= 0x39 }, as: UTF8.self)) } ?? 0
    }
}
