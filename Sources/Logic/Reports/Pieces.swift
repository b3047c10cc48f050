/// A tally taken apart into its hours and days, each as bytes, and put together again: what the history keeps.
extension Tally {
    package struct Piece: Equatable, Sendable {
        package var key: Key
        package var bytes: [UInt8]
    }

    package var pieces: [Piece] {
        keys.compactMap { key in encoded(key).map { Piece(key: key, bytes: $0) } }
    }

    /// The bytes of one hour or day of which two parts were counted apart; `nil` when one of them cannot be read.
    package static func merged(_ key: Key, _ older: [UInt8], _ newer: [UInt8]) -> [UInt8]? {
        var tally = Tally()
        do throws(RollupError) {
            try tally.merge(key, older)
            try tally.merge(key, newer)
        } catch { return nil }
        return tally.encoded(key)
    }

    /// A day without the minutes in which its sources came, which are half of its bytes; `nil` when it cannot be read.
    package static func thinned(_ key: Key, _ bytes: [UInt8]) -> [UInt8]? {
        var tally = Tally()
        do throws(RollupError) { try tally.merge(key, bytes) } catch { return nil }
        for index in tally.dayCounts.indices { tally.dayCounts[index].marks.forget() }
        return tally.encoded(key)
    }
}
