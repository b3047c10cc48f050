import Addresses
import Events
import Glibc
import Netfilter
import Testing

/// Everything here changes the tables of the network namespace it runs in; scripts/test makes one for it.
let isInNamespace = getuid() == 0 && getenv("BREAKWATER_NAMESPACE") != nil
let outsideNamespace: Comment = "needs root in a network namespace of its own: scripts/test makes one"

/// All tests of nftables share the namespace's one table, so they run one after another.
@Suite(.serialized, .enabled(if: isInNamespace, outsideNamespace))
struct NetfilterTests {}

/// Runs a shell command and returns what it printed; a failure is thrown with its words.
@discardableResult
func shell(_ command: String) throws -> String {
    guard let stream = popen("exec 2>&1; " + command, "r") else { throw ShellError(command: command, output: "popen") }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 { bytes += chunk[..<count] }
    let text = String(decoding: bytes, as: UTF8.self)
    guard pclose(stream) == 0 else { throw ShellError(command: command, output: text) }
    return text
}

struct ShellError: Error {
    let command: String
    let output: String
}

/// The real nft's view of our table.
func nftList(_ what: String = "table inet breakwater") throws -> String { try shell("nft list \(what)") }

func prefix(_ text: String) -> Prefix {
    guard let prefix = try? Prefix(parsing: text) else { preconditionFailure("\(text) is no prefix") }
    return prefix
}

/// An instant to count from; the kernel's own clock runs beside it.
let start = Instant(seconds: 1_800_000_000)

/// A firewall in an empty namespace.
func freshTable(_ plan: FirewallPlan = FirewallPlan(ports: [2525])) throws -> NFTables {
    try shell("nft flush ruleset")
    let firewall = try NFTables()
    _ = try firewall.start(plan, at: start)
    return firewall
}

/// Brings loopback up with the documentation addresses that tests connect from.
func bringUpLoopback() throws {
    try shell(
        """
        ip link set lo up
        for a in 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 198.51.100.7; do ip addr replace $a/32 dev lo; done
        for a in 2001:db8:66::1 2001:db8:66::2 2001:db8:67::1 2001:db8::25; do ip -6 addr replace $a/128 dev lo nodad; done
        """)
}

extension ChangeResult {
    var brief: String { "\(change.prefix) \(outcome)" + (error.map { " \($0)" } ?? "") }
}
