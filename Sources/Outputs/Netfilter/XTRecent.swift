import Addresses
import Events
import Glibc
import Posix

/// The firewall in an xt_recent list (iptables-extensions(8), "recent"), for hosts whose rules are written in iptables.
///
/// One list holds both families, since every entry carries its own. The list has a fixed size, 100 unless the module
/// was loaded with another, and the entry seen longest ago gives way without a word. It knows no ends and no networks:
/// the owner takes each ban out when its time is over, and networks are refused.
package final class XTRecent: Firewall {
    package static let defaultList = "breakwater"
    /// No line is longer than this: 20 packet times of at most 20 digits each behind the address.
    private static let longestLine = 1_024

    private let list: String
    private var file: Descriptor?
    private var plan = FirewallPlan(ports: [])
    private var size = 0
    /// The kernel keeps the times of a few packets, not their number: a change since our own write is at least one.
    private var seen: [IPAddress: (last: Trace?, packets: UInt64)] = [:]

    /// What an entry tells of its last packet: the time in ticks, and the place of the next time in its ring.
    struct Trace: Equatable {
        var ticks: UInt64
        var index: UInt64
    }

    package init(list: String = XTRecent.defaultList) { self.list = list }

    package var form: String { "xt_recent" }
    package var endsBansByItself: Bool { false }
    package var hasCounters: Bool { false }
    package var nextDue: Instant? { nil }

    private var path: String { "/proc/net/xt_recent/\(list)" }

    package func start(_ plan: FirewallPlan, at now: Instant) throws(FirewallError) -> Adoption {
        self.plan = plan
        try open()
        size = XTRecent.listSize() ?? 0
        var adoption = Adoption(elements: try entries().map { Element(.banned, Prefix($0.address)) })
        if size < 1_000 {
            adoption.warnings.append(
                "list \(list) holds \(size) sources at once; in a wave the oldest bans are lost -> "
                    + "options xt_recent ip_list_tot=10000 in /etc/modprobe.d/breakwater.conf, then load the module anew"
            )
        }
        if plan.newPerSecond > 0 || plan.perSource > 0 {
            adoption.warnings.append("limit.new_per_second and limit.per_source need firewall.backend = \"nft\"")
        }
        return adoption
    }

    package func change(to plan: FirewallPlan) { self.plan = plan }

    package func apply(_ changes: [FirewallChange], at now: Instant) -> [ChangeResult] {
        changes.map(apply)
    }

    private func apply(_ change: FirewallChange) -> ChangeResult {
        let prefix = change.prefix
        guard change.place == .banned else { return ChangeResult(change, .done) }
        guard prefix.isHost else {
            return ChangeResult(
                change, .refused,
                error: FirewallError("ban", "\(prefix)", notHeld: "an xt_recent list holds single hosts only"))
        }
        do {
            if change.isAddition {
                guard !isAllowed(prefix.address) else {
                    return ChangeResult(
                        change, .refused, error: FirewallError("ban", "\(prefix)", notHeld: "it is allowed"))
                }
                try write("+", prefix.address)
                seen[prefix.address] = (nil, 0)
                return ChangeResult(change, .done)
            }
            let element = try elements(for: [prefix], in: .banned).first
            guard element != nil else { return ChangeResult(change, .already) }
            try write("-", prefix.address)
            seen[prefix.address] = nil
            return ChangeResult(change, .done, removed: element)
        } catch {
            return ChangeResult(change, .failed, error: error)
        }
    }

    package func elements(for prefixes: [Prefix], in place: Element.Place) throws(FirewallError) -> [Element] {
        guard place == .banned else { return [] }
        var result: [Element] = []
        let wanted = Set(prefixes)
        for entry in try entries() where wanted.contains(Prefix(entry.address)) {
            let before = seen[entry.address]
            let moved = before?.last.map { $0 != entry.trace } ?? false
            let packets = (before?.packets ?? 0) + (moved ? 1 : 0)
            seen[entry.address] = (entry.trace, packets)
            result.append(Element(.banned, Prefix(entry.address), packets: packets))
        }
        return result
    }

    package func reconcile(_ wanted: [FirewallChange], at now: Instant) throws(FirewallError) -> Reconciliation {
        let bans = wanted.filter { $0.place == .banned && $0.isAddition && $0.prefix.isHost }
        let found = try elements(for: bans.map(\.prefix), in: .banned)
        let there = Set(found.map(\.prefix))
        // A list that is full would only push out one ban for another.
        let room = max(0, size - (try entries().count))
        let missing = bans.lazy.filter { !there.contains($0.prefix) }.prefix(room)
        return Reconciliation(found: found, restored: missing.map(apply))
    }

    package func advance(to now: Instant) -> [ChangeResult] { [] }
    package func setAllowed(_ prefixes: [Prefix]) throws(FirewallError) {
        plan.allowed = prefixes
        for entry in try entries() where isAllowed(entry.address) { try write("-", entry.address) }
    }

    /// The list comes and goes with its rules: when those were deleted, it is gone, and this says which to put back.
    package func repair() throws(FirewallError) -> Repairs {
        guard access(path, F_OK) != 0 else { return Repairs() }
        file = nil
        throw missingList(ENOENT)
    }

    package func drops() -> Drops { Drops() }

    /// Empties the list; the rules are the administrator's.
    package func remove() throws(FirewallError) {
        try write("/\n")
        seen = [:]
    }

    private func isAllowed(_ address: IPAddress) -> Bool { plan.allowed.contains { $0.contains(address) } }

    // MARK: - The file

    private func open() throws(FirewallError) {
        do {
            file = try Descriptor.open(path, O_RDWR)
        } catch {
            throw missingList(error.code)
        }
    }

    private func missingList(_ code: Int32) -> FirewallError {
        FirewallError(
            "open", path, code: code,
            detail: code == ENOENT
                ? "no rule uses the list; it takes these: "
                    + XTRecent.rules(ports: plan.ports, list: list).joined(separator: "; ")
                : nil)
    }

    private func write(_ sign: String, _ address: IPAddress) throws(FirewallError) { try write("\(sign)\(address)\n") }

    /// One address for each write, always from offset 0: the file takes no other (ESPIPE), and no second line.
    private func write(_ text: String) throws(FirewallError) {
        if file == nil { try open() }
        guard let number = file?.number else { return }
        var text = text
        let code: Int32? = text.withUTF8 { bytes in
            guard lseek(number, 0, SEEK_SET) == 0 else { return errno }
            return Glibc.write(number, bytes.baseAddress, bytes.count) == bytes.count ? nil : errno
        }
        if let code { throw FirewallError("write", "\(path) \(text.dropLast())", code: code) }
    }

    private func entries() throws(FirewallError) -> [(address: IPAddress, trace: Trace)] {
        let bytes: [UInt8]
        do {
            bytes = try contents(of: path, limit: max(size, 1_000) * XTRecent.longestLine)
        } catch {
            throw missingList(error.code)
        }
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap(XTRecent.entry)
    }

    /// Reads `src=192.0.2.7 ttl: 0 last_seen: 4297 oldest_pkt: 1 4297` (net/netfilter/xt_recent.c, recent_seq_show).
    static func entry(_ line: ArraySlice<UInt8>) -> (address: IPAddress, trace: Trace)? {
        let words = line.split(separator: UInt8(ascii: " "))
        guard line.starts(with: "src=".utf8), let first = words.first, first.count <= 50,
            let address = IPAddress(String(decoding: first.dropFirst(4), as: UTF8.self)),
            let ticks = number(behind: "last_seen:", in: words), let index = number(behind: "oldest_pkt:", in: words)
        else { return nil }
        return (address, Trace(ticks: ticks, index: index))
    }

    private static func number(behind label: String, in words: [ArraySlice<UInt8>]) -> UInt64? {
        guard let index = words.firstIndex(where: { $0.elementsEqual(label.utf8) }), words.indices.contains(index + 1)
        else { return nil }
        return UInt64(String(decoding: words[index + 1], as: UTF8.self))
    }

    /// How many sources a list holds; `nil` when the module is not there.
    package static func listSize() -> Int? {
        guard let bytes = try? contents(of: "/sys/module/xt_recent/parameters/ip_list_tot", limit: 64) else {
            return nil
        }
        return Int(String(decoding: bytes.prefix { (0x30...0x39).contains($0) }, as: UTF8.self))
    }

    // MARK: - The rules it needs

    /// The two commands that make the list and drop what would open a connection to `ports` from a source in it.
    /// `--update` notes the time of each packet, from which a ban's refresh is told.
    package static func rules(ports: [UInt16], list: String = XTRecent.defaultList) -> [String] {
        ["iptables", "ip6tables"].map { ([$0] + ruleArguments(ports, list)).joined(separator: " ") }
    }

    /// Runs those commands; rules that are there already are left alone. Only when an administrator asks.
    package static func install(ports: [UInt16], list: String = XTRecent.defaultList) throws(FirewallError) {
        for program in ["iptables", "ip6tables"] {
            let arguments = ruleArguments(ports, list)
            let check = arguments.map { $0 == "-I" ? "-C" : $0 }
            if try run(program, check) == 0 { continue }
            let status = try run(program, arguments)
            guard status == 0 else {
                throw FirewallError(
                    program, "-t mangle", notHeld: "it ended with status \(status); nothing of it is in force")
            }
        }
    }

    private static func ruleArguments(_ ports: [UInt16], _ list: String) -> [String] {
        [
            "-t", "mangle", "-I", "PREROUTING", "-p", "tcp", "-m", "multiport", "--dports",
            ports.map(String.init).joined(separator: ","), "--syn", "-m", "recent", "--name", list, "--update", "-j",
            "DROP",
        ]
    }

    private static func run(_ program: String, _ arguments: [String]) throws(FirewallError) -> Int32 {
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child: pid_t = 0
        let code = posix_spawnp(&child, program, nil, nil, &words, environ)
        guard code == 0 else { throw FirewallError("run", program, code: code) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            if errno != EINTR { throw FirewallError("wait for", program, code: errno) }
        }
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
    }
}
