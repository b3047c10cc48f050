import Addresses

/// Where a key, an address as a rule, stands in an array that somebody else keeps: a hash table of positions, four bytes
/// for each place.
///
/// A Dictionary keeps room for a key and a value in every bucket, of which as little as three eighths are full: for
/// 50,000 bans that was three times the memory. Strangers decide which addresses come, so places follow from a key that
/// is drawn anew at each start. Deterministic all the same: the order of places shows nowhere.
struct PlaceIndex<Key: Scattered>: Sendable {
    /// Positions, or `free`. Their number is a power of two, and at most three quarters are taken.
    private var places: [Int32] = []
    private(set) var count = 0
    private static var free: Int32 { -1 }

    /// The position of `key`, if it is in the index. `keyAt` tells which key stands at a position.
    @inline(__always)
    func position(of key: Key, _ keyAt: (Int) -> Key) -> Int? {
        place(of: key, keyAt).map { Int(places[$0]) }
    }

    /// Puts in a key that is not there yet.
    @inline(__always)
    mutating func insert(_ key: Key, at position: Int, _ keyAt: (Int) -> Key) {
        if 4 * (count + 1) > 3 * places.count { grow(keyAt) }
        settle(key, Int32(position))
        count += 1
    }

    /// The key at another position from now on.
    @inline(__always)
    mutating func move(_ key: Key, to position: Int, _ keyAt: (Int) -> Key) {
        guard let place = place(of: key, keyAt) else { return }
        places[place] = Int32(position)
    }

    /// Takes a key out; `keyAt` still tells it.
    @inline(__always)
    mutating func remove(_ key: Key, _ keyAt: (Int) -> Key) {
        guard var hole = place(of: key, keyAt) else { return }
        // Whoever stands behind the hole because its own place was taken moves up, so that no search ends too early.
        let mask = places.count - 1
        var next = (hole + 1) & mask
        while places[next] != PlaceIndex.free {
            let distance = (next - home(keyAt(Int(places[next])))) & mask
            if distance >= (next - hole) & mask {
                places[hole] = places[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        places[hole] = PlaceIndex.free
        count -= 1
    }

    @inline(__always)
    private func place(of key: Key, _ keyAt: (Int) -> Key) -> Int? {
        guard count > 0 else { return nil }
        var place = home(key)
        while places[place] != PlaceIndex.free {
            if keyAt(Int(places[place])) == key { return place }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }

    private func home(_ key: Key) -> Int { Int(truncatingIfNeeded: key.scatter) & (places.count - 1) }

    private mutating func settle(_ key: Key, _ position: Int32) {
        var place = home(key)
        while places[place] != PlaceIndex.free { place = (place + 1) & (places.count - 1) }
        places[place] = position
    }

    @inline(__always)
    private mutating func grow(_ keyAt: (Int) -> Key) {
        let old = places
        places = [Int32](repeating: PlaceIndex.free, count: max(16, 2 * old.count))
        for position in old where position != PlaceIndex.free { settle(keyAt(Int(position)), position) }
    }
}

/// What has a number of its own by which it is found.
protocol Scattered: Equatable, Sendable {
    /// Spread evenly, whoever chose the values and for whatever purpose.
    var scatter: UInt64 { get }
}

extension IPAddress: Scattered {
    @inline(__always)
    var scatter: UInt64 { Scatter.fold(high ^ Scatter.secrets.0, low ^ Scatter.secrets.1) }
}

/// Swift's own hash takes five times as long, and a busy log asks several times for each of its lines.
enum Scatter {
    /// Drawn anew at each start, as is the key of Swift's hash, of which they are made.
    static let secrets = (
        UInt64(truncatingIfNeeded: 1.hashValue), UInt64(truncatingIfNeeded: 2.hashValue),
        UInt64(truncatingIfNeeded: 3.hashValue) | 1
    )

    @inline(__always)
    static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}

typealias AddressIndex = PlaceIndex<IPAddress>

/// Values by single address, side by side. Entries stand in the order they came, but the last one takes the place of
/// one that is taken out.
struct HostTable<Value: Sendable>: Sendable {
    private(set) var addresses: [IPAddress] = []
    private(set) var values: [Value] = []
    private var index = AddressIndex()

    var count: Int { addresses.count }

    subscript(address: IPAddress) -> Value? {
        get { index.position(of: address) { addresses[$0] }.map { values[$0] } }
        set { set(address, newValue) }
    }

    /// Puts in, replaces or takes out; the place where this was, at which another entry may stand now.
    @discardableResult
    mutating func set(_ address: IPAddress, _ value: Value?) -> Int? {
        switch (index.position(of: address) { addresses[$0] }, value) {
        case (let position?, let value?):
            values[position] = value
            return position
        case (let position?, nil):
            remove(address, at: position)
            return position
        case (nil, let value?): return append(address, value)
        case (nil, nil): return nil
        }
    }

    /// Where `address` stands; with `value` at the end when it was not there.
    mutating func place(of address: IPAddress, adding value: @autoclosure () -> Value) -> Int {
        index.position(of: address) { addresses[$0] } ?? append(address, value())
    }

    func place(of address: IPAddress) -> Int? { index.position(of: address) { addresses[$0] } }

    /// Changes the value at a place.
    mutating func update(_ place: Int, _ change: (inout Value) -> Void) { change(&values[place]) }

    private mutating func append(_ address: IPAddress, _ value: Value) -> Int {
        index.insert(address, at: count) { addresses[$0] }
        addresses.append(address)
        values.append(value)
        return count - 1
    }

    private mutating func remove(_ address: IPAddress, at position: Int) {
        index.remove(address) { addresses[$0] }
        let last = count - 1
        if position != last {
            index.move(addresses[last], to: position) { addresses[$0] }
            addresses[position] = addresses[last]
            values[position] = values[last]
        }
        addresses.removeLast()
        values.removeLast()
    }
}
