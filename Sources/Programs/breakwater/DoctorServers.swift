import Configuration
import Events
import MailServer

/// What `doctor` finds in a mail server's own settings: how many it serves, and what holds its slots. Of Courier there is
/// more to say (DoctorCourier).
extension Examination {
    mutating func check(_ server: RunningServer) {
        if server.mta == .courier { return checkCourier(server) }
        let subject = server.mta?.rawValue ?? "mta"
        if let file = server.configuration {
            add(.ok, subject, "read \(shown(file))")
        } else if server.mta != nil {
            add(
                .warn, subject, "its configuration is not where it is looked for",
                "run as root; or set [mta] log and slots")
        }
        for limit in server.limits {
            let count = limit.count.map { "serves \(grouped($0)) connections at once" } ?? "serves as many as come"
            add(.ok, "slots", "\(server.name) \(count) (\(limit.setting))")
        }
        if case .count(let set) = settings.mta.slots, servers.count == 1, let slots = server.slots, slots != set {
            add(.warn, "slots", "[mta] slots = \(set), but \(server.name) serves \(slots)", "set it to \"auto\"")
        }
        for remark in server.remarks {
            add(remark.remedy == nil ? .ok : .warn, remark.subject, remark.text, remark.remedy)
        }
        if settings.shed.method == .signal, server.mta == .postfix || server.mta == .opensmtpd {
            add(
                .warn, "shed",
                "[shed] method = \"signal\" frees no slot of \(server.name): its processes are never signalled",
                "method = \"auto\"")
        }
    }
}
