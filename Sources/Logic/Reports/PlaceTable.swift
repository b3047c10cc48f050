import Addresses
import Origins

/// The origins that a day's sources have, each with a number from 1 on; 0 is that of sources nobody has looked up.
struct PlaceTable: Sendable {
    private(set) var origins: [Origin] = []
    private var numbers: [Origin: UInt16] = [:]
    /// Of whose data they are: vendor, date and licence.
    private(set) var credits: Set<String> = []

    static let most = Int(UInt16.max)
    static let mostCredits = 8
    static let longestCredit = 300

    mutating func reserve(_ count: Int) {
        origins.reserveCapacity(origins.count + count)
        numbers.reserveCapacity(numbers.count + count)
    }

    /// 0 for one too many, as if it had not been looked up.
    mutating func number(_ origin: Origin) -> UInt16 {
        if let known = numbers[origin] { return known }
        guard origins.count < PlaceTable.most else { return 0 }
        origins.append(origin)
        let number = UInt16(origins.count)
        numbers[origin] = number
        return number
    }

    subscript(number: UInt16) -> Origin? { number == 0 ? nil : origins[Int(number) - 1] }

    mutating func credit(_ text: String) {
        guard text.utf8.count <= PlaceTable.longestCredit, credits.count < PlaceTable.mostCredits else { return }
        credits.insert(text)
    }

    /// Takes another's in; what the numbers of that one are here, 0 first.
    mutating func take(_ other: PlaceTable) -> [UInt16] {
        for text in other.credits.sorted() { credit(text) }
        return [0] + other.origins.map { number($0) }
    }
}

extension Tally {
    /// Looks up where the sources belong that nobody has looked up yet, to be stored with what they did: a block that has
    /// another owner next year was this one's today.
    ///
    /// - Parameters:
    ///   - origin: `nil` for an address that no database has.
    ///   - credits: who is to be named for it.
    package mutating func locate(credits: [String], _ origin: (IPAddress) -> Origin?) {
        for index in dayCounts.indices { dayCounts[index].locate(credits, origin) }
    }
}

extension DayCounts {
    fileprivate mutating func locate(_ credits: [String], _ origin: (IPAddress) -> Origin?) {
        var isUsed = false
        // In the order of their addresses, neighbours are found in the same network.
        for place in ReportBase.inOrder(sources.entries) where sources[place].origin == 0 {
            sources[place].origin = origins.number(origin(sources[place].address) ?? Origin())
            isUsed = true
        }
        if isUsed { for text in credits { origins.credit(text) } }
    }
}

// MARK: - As bytes

/// Origins by how many sources have them, so that the usual ones have small numbers.
struct PlaceEncoder {
    /// What each number of the table is here.
    private var numbers: [UInt16]
    private let width: Int

    /// Writes the table.
    init(_ day: DayCounts, _ writer: inout ByteWriter) {
        let table = day.origins
        var counts = [Int](repeating: 0, count: table.origins.count + 1)
        for entry in day.sources.entries { counts[Int(entry.origin)] += 1 }
        let used = table.origins.indices.filter { counts[$0 + 1] > 0 }.sorted { left, right in
            let (first, second) = (counts[left + 1], counts[right + 1])
            return first != second ? first > second : table.origins[left] < table.origins[right]
        }
        numbers = [UInt16](repeating: 0, count: table.origins.count + 1)
        writer.number(used.count)
        for (number, index) in used.enumerated() {
            numbers[index + 1] = UInt16(number + 1)
            writer.text((table.origins[index].country?.description ?? "").utf8)
            // Of the numbers 0 is none (RFC 7607).
            writer.number(Int(table.origins[index].asn ?? 0))
        }
        let credits = used.isEmpty ? [] : table.credits.sorted()
        writer.number(credits.count)
        for text in credits { writer.text(text.utf8) }
        width = max(0, (used.count / 4).bitWidth - (used.count / 4).leadingZeroBitCount)
        writer.byte(UInt8(width))
    }

    /// The origins of a group of sources, as runs of equal ones.
    func write(_ group: [Int], _ day: DayCounts, _ writer: inout ByteWriter) {
        var bits = BitWriter()
        var index = 0
        while index < group.count {
            let number = numbers[Int(day.sources[group[index]].origin)]
            var end = index + 1
            while end < group.count, numbers[Int(day.sources[group[end]].origin)] == number { end += 1 }
            bits.rice(UInt64(number), width)
            bits.gamma(UInt64(end - index - 1))
            index = end
        }
        writer.text(bits.finish())
    }
}

struct PlaceDecoder {
    private let numbers: [UInt16]
    private let width: Int

    init(_ reader: inout ByteReader, into day: inout DayCounts) throws(RollupError) {
        var numbers: [UInt16] = [0]
        let count = try reader.count(most: PlaceTable.most)
        day.origins.reserve(count)
        for _ in 0..<count {
            let code = try reader.text(longest: 2)
            let country = Country(String(decoding: code, as: UTF8.self))
            guard code.isEmpty || country != nil else { throw RollupError(description: "has a country that is none") }
            guard let asn = UInt32(exactly: try reader.number()) else {
                throw RollupError(description: "has an AS number that is none")
            }
            numbers.append(day.origins.number(Origin(country: country, asn: asn == 0 ? nil : asn)))
        }
        for _ in 0..<(try reader.count(most: PlaceTable.mostCredits)) {
            day.origins.credit(String(decoding: try reader.text(longest: PlaceTable.longestCredit), as: UTF8.self))
        }
        width = Int(try reader.byte())
        guard width < 32 else { throw RollupError(description: "has a width that is none") }
        self.numbers = numbers
    }

    /// Gives the sources from `first` on their origins.
    func read(_ reader: inout ByteReader, from first: Int, of day: inout DayCounts) throws(RollupError) {
        var bits = BitReader(try reader.text(longest: .max))
        var place = first
        while place < day.sources.count {
            let number = try bits.rice(width)
            let more = try bits.gamma()
            guard number < UInt64(numbers.count), more < UInt64(day.sources.count - place) else {
                throw RollupError(description: "has origins that are none")
            }
            let end = place + Int(more) + 1
            while place < end {
                day.sources[place].origin = numbers[Int(number)]
                place += 1
            }
        }
    }
}
