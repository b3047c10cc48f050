import Foundation
import Testing

/// What is in the server's kernel, as the real `nft` shows it.
extension MailServer {
    /// Runs nft in the server's network namespace.
    @discardableResult
    func nft(_ words: String..., input: String? = nil) throws -> Finished {
        try Lab.run(["nsenter", "--target", "\(pid)", "--net", "--", "nft"] + words, input: input)
    }

    func flushRuleset() throws {
        let done = try nft("flush", "ruleset")
        try #require(done.code == 0, "\(done.errors)")
    }

    /// Everything nft shows, as it shows it.
    func ruleset() throws -> String { try nft("list", "ruleset").output }

    func hasTable() throws -> Bool { try nft("list", "table", "inet", "breakwater").code == 0 }

    /// The table's rules that packets meet, without sets and counters; empty when no packet meets any.
    func rules() throws -> String {
        let listing = try nft("--json", "list", "table", "inet", "breakwater")
        guard listing.code == 0 else { return "" }
        let objects = try JSON(parsing: listing.output)["nftables"].array
        let hooked = Set(objects.map { $0["chain"] }.filter { !$0["hook"].isNull }.compactMap { $0["name"].string })
        guard objects.contains(where: { hooked.contains($0["rule"]["chain"].string ?? "") }) else { return "" }
        let table = try nft("--stateless", "list", "table", "inet", "breakwater").output
        return table.split(separator: "\n").filter {
            $0.contains(" drop") || $0.contains(" accept") || $0.contains(" jump ")
        }
        .joined(separator: "\n")
    }

    /// What is banned, by the net as `list --json` names it.
    func banned() throws -> [String: Element] {
        var all: [String: Element] = [:]
        for set in ["banned4", "banned6", "banned_nets4", "banned_nets6"] {
            for element in try elements(of: set) { all[element.net] = element }
        }
        return all
    }

    /// Whether a net is banned, asked for by itself.
    func holds(_ net: String) throws -> Bool {
        let isIPv6 = net.contains(":")
        let host = net.hasSuffix(isIPv6 ? "/128" : "/32") ? net.split(separator: "/").first.map(String.init) : nil
        let set = (host == nil ? "banned_nets" : "banned") + (isIPv6 ? "6" : "4")
        return try nft("get", "element", "inet", "breakwater", set, "{ \(host ?? net) }").code == 0
    }

    /// What the rules have dropped of banned peers, whatever became of their elements.
    func dropped() throws -> (packets: Int, bytes: Int) {
        let listing = try nft("--json", "list", "counter", "inet", "breakwater", "dropped_banned")
        let counter = try #require(
            JSON(parsing: listing.output)["nftables"].array.map { $0["counter"] }.first { !$0.isNull })
        return (try #require(counter["packets"].int), try #require(counter["bytes"].int))
    }

    /// The elements of a set; none when there is no such set.
    func elements(of set: String) throws -> [Element] {
        let listing = try nft("--json", "list", "set", "inet", "breakwater", set)
        guard listing.code == 0 else { return [] }
        let isIPv4 = set.hasSuffix("4")
        return try JSON(parsing: listing.output)["nftables"].array.flatMap { $0["set"]["elem"].array }
            .map { try Element($0, isIPv4: isIPv4) }
    }
}

struct Element {
    let net: String
    let timeoutSeconds: Int?
    let expiresSeconds: Int?
    let packets: Int?
    let bytes: Int?

    fileprivate init(_ json: JSON, isIPv4: Bool) throws {
        // With a timeout or counter an element is {"elem": {"val": ...}}, else the value itself.
        let element = json["elem"]
        let value = element.isNull ? json : element["val"]
        let length = isIPv4 ? 32 : 128
        if let address = value.string {
            net = "\(address)/\(length)"
        } else {
            let address = try #require(value["prefix"]["addr"].string)
            net = "\(address)/\(try #require(value["prefix"]["len"].int))"
        }
        timeoutSeconds = element["timeout"].int
        expiresSeconds = element["expires"].int
        packets = element["counter"]["packets"].int
        bytes = element["counter"]["bytes"].int
    }
}
