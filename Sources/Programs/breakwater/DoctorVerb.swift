import ArgumentParser
import CLinux
import Configuration
import ControlProtocol
import Dialects
import Events
import Glibc
import LogIntake
import MailServer
import Netfilter
import Netlink
import Posix
import ProcFS
import SettingsFiles
import Shedding

/// `doctor`: looks at everything the daemon will need, before it is needed, and says what to do about what is missing.
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the MTA, its log, rights, the firewall and what holds slots; each finding with its remedy.",
        discussion:
            "Needs no daemon. Looks and changes nothing, but for a scratch table made and removed at once. Exit 1 when something fails."
    )
    @OptionGroup var common: CommonOptions

    func run() throws {
        var examination = Examination(common)
        examination.all()
        if common.json {
            let findings = examination.findings.map {
                JSON.object([
                    ("level", .string($0.level.rawValue)), ("subject", .string($0.subject)), ("text", .string($0.text)),
                    ("remedy", JSON($0.remedy)),
                ])
            }
            common.say(JSON.document("doctor", [("findings", .array(findings))]).description)
        } else {
            for finding in examination.findings { common.say(finding.line(common.style)) }
        }
        if examination.findings.contains(where: { $0.level == .fail }) { throw Failure(ExitStatus.no, "") }
    }
}

/// One thing looked at: `FAIL nft  cannot write ...: CAP_NET_ADMIN missing -> run as root`.
struct Finding {
    enum Level: String { case ok, warn, fail }
    let level: Level
    let subject: String
    let text: String
    let remedy: String?

    func line(_ style: Style) -> String {
        let word: String
        switch level {
        case .ok: word = style.good("ok  ")
        case .warn: word = style.bold("WARN")
        case .fail: word = style.bad("FAIL")
        }
        let name = subject.padding(to: 8)
        return "\(word) \(name)  \(text)" + (remedy.map { " -> \($0)" } ?? "")
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// The checks, in the order an administrator would go.
struct Examination {
    private let common: CommonOptions
    private(set) var findings: [Finding] = []
    var settings = Settings()
    private(set) var servers: [RunningServer] = []
    /// The daemon's own account of itself, or why there is none.
    private(set) var daemon: Result<Record, any Error> = .success(Record("row"))
    /// What the end of the log told of listed peers, for the price of what holds them.
    var listings: (count: Int, first: Instant, last: Instant)?

    init(_ common: CommonOptions) { self.common = common }

    mutating func all() {
        askDaemon()
        checkConfiguration()
        checkRights()
        checkMailServer()
        checkLog()
        for server in servers { check(server) }
        checkFirewall()
        checkKernel()
        checkState()
        checkLocations()
        checkDaemon()
    }

    mutating func add(_ level: Finding.Level, _ subject: String, _ text: String, _ remedy: String? = nil) {
        findings.append(Finding(level: level, subject: subject, text: text, remedy: remedy))
    }

    private mutating func checkConfiguration() {
        do {
            let reading = try readConfiguration(common.config)
            settings = reading.settings
            for complaint in reading.complaints {
                add(.fail, "config", complaint.description, "mend it; breakwater check tells when it is right")
            }
            if reading.complaints.isEmpty { add(.ok, "config", verdict(common.config)) }
        } catch let failure as Failure {
            add(.fail, "config", failure.text, "name it with --config, or run as root")
        } catch { add(.fail, "config", "\(error)") }
    }

    private mutating func checkRights() {
        if geteuid() == 0 {
            add(.ok, "rights", "running as root")
        } else {
            add(.warn, "rights", "not root: some of what follows cannot be seen", "sudo breakwater doctor")
        }
    }

    private mutating func checkMailServer() {
        let ports = settings.mta.ports.map(String.init).joined(separator: ", ")
        do {
            let sockets = try SockDiag()
            let listening = try sockets.listeners(ports: settings.mta.ports)
            guard !listening.isEmpty else {
                return add(
                    .fail, "mta", "nobody listens on port \(ports)",
                    "start the mail server, or set [mta] ports to where it listens")
            }
            let open = Set(listening.map(\.localPort))
            for port in settings.mta.ports where !open.contains(port) {
                add(.warn, "mta", "nobody listens on port \(port)", "take it out of [mta] ports")
            }
            let found = try listeningServers(settings)
            let kind = settings.mta.onlyKind
            servers = found.servers.filter { $0.fits(kind) }
            if let misfit = RunningServer.misfit(found.servers, kind) {
                add(servers.isEmpty ? .fail : .warn, "mta", misfit.text, misfit.remedy)
            }
            for server in servers {
                let ports = server.listener.ports.map(String.init).joined(separator: ", ")
                add(
                    .ok, "mta",
                    "\(server.name): \(server.listener.command) pid \(server.listener.pid) listens on port \(ports)")
            }
            for port in found.unknownPorts {
                add(
                    .warn, "mta", "port \(port) is served, but not by a mail server that can be seen",
                    geteuid() == 0
                        ? "bans work from its log all the same: set [mta] log and slots; is it a proxy, or on another host?"
                        : "run as root to see it")
            }
        } catch { add(.fail, "mta", "\(error)", "the kernel has no sock_diag: is inet_diag built or loadable?") }
    }

    private mutating func checkFirewall() {
        switch settings.firewall.backend {
        case .none: add(.warn, "firewall", "backend = \"none\": nobody is banned", "set [firewall] backend = \"nft\"")
        case .xtRecent: checkRecent()
        case .nft: checkTables()
        }
    }

    private mutating func checkTables() {
        do throws(FirewallError) {
            let probe = try FeatureProbe()
            for finding in probe.findings { if let problem = finding.problem { add(.fail, "nft", problem) } }
            if probe.isSufficient {
                add(.ok, "nft", "sets can be written: " + probe.findings.map(\.feature).joined(separator: ", "))
            }
        } catch { add(.fail, "nft", error.description) }
    }

    private mutating func checkRecent() {
        let path = "/proc/net/xt_recent/\(XTRecent.defaultList)"
        let rules = XTRecent.rules(ports: settings.mta.ports).joined(separator: " ; ")
        if access(path, F_OK) != 0 {
            add(.fail, "recent", "\(path) is missing: no rule makes it", rules)
        } else if access(path, W_OK) != 0 {
            add(
                .fail, "recent", "\(path): \(errnoText(errno))",
                "the daemon has to run as root for this backend: a drop-in with User=root")
        } else {
            add(.ok, "recent", "\(path) can be written")
        }
        if let size = XTRecent.listSize(), size < 10_000 {
            add(
                .warn, "recent",
                "the list holds \(size) sources and forgets the oldest without a word; a wave has thousands",
                "options xt_recent ip_list_tot=10000 in /etc/modprobe.d, or backend = \"nft\"")
        }
    }

    private mutating func checkKernel() {
        if let listener = servers.first?.listener.pid {
            let entry = ProcessEntry(listener)
            if entry.sockets() == nil {
                add(
                    .fail, "proc", "/proc/\(listener)/fd cannot be read: nobody can be shed",
                    "CAP_SYS_PTRACE, or run as root")
            } else if access("/proc/\(listener)/task/\(listener)/children", R_OK) != 0 {
                add(
                    .fail, "proc", "no /proc/PID/task/TID/children: nobody can be shed by signal",
                    "a kernel with CONFIG_PROC_CHILDREN, or [shed] method = \"destroy\"")
            } else {
                add(.ok, "proc", "the processes that serve connections can be seen")
            }
        }
        do {
            let pidfd = try Descriptor("pidfd_open", "", bw_pidfd_open(getpid()))
            _ = pidfd.number
            add(.ok, "kernel", "pidfd and sock_diag work")
        } catch { add(.fail, "kernel", "\(error)", "Linux 5.3 or later") }
    }

    private mutating func checkState() {
        let path = settings.stateDirectory
        if access(path, F_OK) != 0 {
            add(.ok, "state", "\(shown(path)) does not exist yet; the daemon makes it")
        } else if access(path, W_OK) != 0 {
            add(
                geteuid() == 0 ? .fail : .warn, "state", "\(shown(path)): \(errnoText(errno))",
                "run as root, or mend its owner and mode")
        } else {
            var space = statvfs()
            let free = statvfs(path, &space) == 0 ? Int(space.f_bavail) * Int(space.f_frsize) / 1_000_000 : nil
            if let free, free < 50 {
                add(
                    .warn, "state", "\(shown(path)): \(free) MB free",
                    "make room: history is not written on a full disk, bans work all the same")
            } else {
                add(.ok, "state", "\(shown(path)) can be written" + (free.map { ", \(grouped($0)) MB free" } ?? ""))
            }
        }
    }

    private mutating func askDaemon() {
        daemon = Result {
            var status = Record("row")
            try common.connect().ask(.status) { status = $0 }
            return status
        }
    }

    private mutating func checkDaemon() {
        switch daemon {
        case .success(let status):
            add(.ok, "daemon", "it answers, \(status["mode"] ?? "?"), \(status["bans"] ?? "?") bans")
            if let problems = status["problems"], !problems.isEmpty { add(.warn, "daemon", problems) }
        case .failure(let error):
            add(.warn, "daemon", (error as? Failure)?.text ?? "\(error)")
        }
    }
}
