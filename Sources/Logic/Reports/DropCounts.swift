import Addresses

/// What the kernel dropped of banned sources on one day: packets and bytes by prefix, hosts and networks in one list.
///
/// Counts of two parts of a day add up. A day is kept with the prefixes that had the most packets; what the others had is
/// summed, so that nothing vanishes from the total.
package struct DropCounts: Equatable, Sendable {
    package struct Amount: Equatable, Sendable {
        package var packets = 0
        package var bytes = 0

        package init(packets: Int = 0, bytes: Int = 0) {
            self.packets = packets
            self.bytes = bytes
        }

        package static func += (left: inout Amount, right: Amount) {
            left.packets.add(right.packets)
            left.bytes.add(right.bytes)
        }
    }

    package private(set) var prefixes: [Prefix: Amount] = [:]
    /// Of prefixes that are not kept.
    package private(set) var others = Amount()

    /// How the history calls days of these, beside the hours and days of a `Tally`.
    package static let span: UInt8 = 2
    /// Prefixes of a day that are kept: some 20 KB.
    package static let kept = 2000
    /// Prefixes that are counted apart before they are cut to those.
    package static let mostCounted = 65_536

    package init() {}

    package var isEmpty: Bool { prefixes.isEmpty && others == Amount() }
    package var total: Amount { prefixes.values.reduce(into: others) { $0 += $1 } }

    package mutating func add(_ prefix: Prefix, _ amount: Amount, atMost limit: Int = DropCounts.mostCounted) {
        if prefixes[prefix] != nil || prefixes.count < limit {
            prefixes[prefix, default: Amount()] += amount
        } else {
            others += amount
        }
    }

    package mutating func merge(_ other: DropCounts, atMost limit: Int = DropCounts.mostCounted) {
        for (prefix, amount) in other.prefixes { add(prefix, amount, atMost: limit) }
        others += other.others
    }

    /// Most packets first.
    package var ranked: [(prefix: Prefix, amount: Amount)] {
        prefixes.map { ($0.key, $0.value) }.sorted { left, right in
            left.1.packets != right.1.packets ? left.1.packets > right.1.packets : left.0 < right.0
        }
    }

    /// Sums all but the `count` prefixes with the most packets.
    mutating func cut(to count: Int) {
        guard prefixes.count > count else { return }
        for entry in ranked.dropFirst(count) {
            prefixes[entry.prefix] = nil
            others += entry.amount
        }
    }
}

// MARK: - As bytes

/// A version; packets and bytes of others; then of each family how many prefixes, and these in their order: how far the
/// address is from the one before, its length, packets, bytes.
extension DropCounts {
    private static let version: UInt8 = 1
    private static let most = 1 << 20

    /// - Parameter count: how many prefixes are kept.
    package func encoded(keeping count: Int = DropCounts.kept) -> [UInt8] {
        var counts = self
        counts.cut(to: min(count, DropCounts.most))
        var writer = ByteWriter()
        writer.byte(DropCounts.version)
        writer.amount(counts.others)
        let sorted = counts.prefixes.sorted { $0.key < $1.key }
        for isIPv4 in [true, false] {
            let family = sorted.filter { $0.key.isIPv4 == isIPv4 }
            writer.number(family.count)
            var last = UInt32(0)
            for (prefix, amount) in family {
                if let v4 = prefix.address.v4, isIPv4 {
                    writer.number(Int(v4 - last))
                    last = v4
                } else {
                    for byte in prefix.address.mappedBytes { writer.byte(byte) }
                }
                writer.byte(prefix.bits)
                writer.amount(amount)
            }
        }
        return writer.bytes
    }

    /// A day's, since 1970 began.
    package init(_ bytes: [UInt8], day: Int) throws(RollupError) {
        guard LocalDay.possible.contains(day) else { throw RollupError(description: "is of no day that can be") }
        try self.init(bytes)
    }

    package init(_ bytes: [UInt8]) throws(RollupError) {
        var reader = ByteReader(bytes)
        guard try reader.byte() == DropCounts.version else {
            throw RollupError(description: "is of a version that this program does not know")
        }
        others = try reader.amount()
        for isIPv4 in [true, false] {
            var last = 0
            for _ in 0..<(try reader.count(most: DropCounts.most)) {
                let address: IPAddress
                if isIPv4 {
                    last += try reader.number()
                    guard let v4 = UInt32(exactly: last) else {
                        throw RollupError(description: "has an address that is none")
                    }
                    address = IPAddress(v4: v4)
                } else {
                    address = try reader.address()
                }
                let bits = Int(try reader.byte())
                guard bits <= 128 else { throw RollupError(description: "has a prefix that is none") }
                let prefix = Prefix(address, bits: bits)
                guard prefix.address == address, prefix.isIPv4 == isIPv4, prefixes[prefix] == nil else {
                    throw RollupError(description: "has a prefix that is none")
                }
                prefixes[prefix] = try reader.amount()
            }
        }
        guard reader.isAtEnd else { throw RollupError(description: "goes on behind its end") }
    }

    /// The bytes of a day of which two parts were counted apart; `nil` when one of them cannot be read.
    package static func merged(_ older: [UInt8], _ newer: [UInt8]) -> [UInt8]? {
        do throws(RollupError) {
            var counts = try DropCounts(older)
            counts.merge(try DropCounts(newer))
            return counts.encoded()
        } catch { return nil }
    }
}

extension ByteWriter {
    /// Cut where a reader would find it too large.
    fileprivate mutating func amount(_ amount: DropCounts.Amount) {
        number(min(amount.packets, .mostCounted))
        number(min(amount.bytes, .mostCounted))
    }
}

extension ByteReader {
    fileprivate mutating func amount() throws(RollupError) -> DropCounts.Amount {
        DropCounts.Amount(packets: try number(), bytes: try number())
    }

    fileprivate mutating func address() throws(RollupError) -> IPAddress {
        var halves: [UInt64] = [0, 0]
        for index in 0..<16 { halves[index / 8] = halves[index / 8] << 8 | UInt64(try byte()) }
        return IPAddress(high: halves[0], low: halves[1])
    }
}
