import Addresses

/// Where an address stands in an array that somebody else keeps: a hash table of positions, four bytes for each place.
///
/// A Dictionary keeps room for a key and a value in every bucket, of which as little as three eighths are full: for
/// 50,000 bans that was three times the memory. Strangers decide which addresses come, so places follow from Swift's
/// hash, whose key is drawn anew at each start. Deterministic all the same: the order of places shows nowhere.
struct AddressIndex: Sendable {
    /// Positions, or `free`. Their number is a power of two, and at most three quarters are taken.
    private var places: [Int32] = []
    private(set) var count = 0
    private static let free: Int32 = -1

    /// The position of `address`, if it is in the index. `addressAt` tells which address stands at a position.
    @inline(__always)
    func position(of address: IPAddress, _ addressAt: (Int) -> IPAddress) -> Int? {
        place(of: address, addressAt).map { Int(places[$0]) }
    }

    /// Puts in an address that is not there yet.
    @inline(__always)
    mutating func insert(_ address: IPAddress, at position: Int, _ addressAt: (Int) -> IPAddress) {
        if 4 * (count + 1) > 3 * places.count { grow(addressAt) }
        settle(address, Int32(position))
        count += 1
    }

    /// The address at another position from now on.
    @inline(__always)
    mutating func move(_ address: IPAddress, to position: Int, _ addressAt: (Int) -> IPAddress) {
        guard let place = place(of: address, addressAt) else { return }
        places[place] = Int32(position)
    }

    /// Takes an address out; `addressAt` still tells it.
    @inline(__always)
    mutating func remove(_ address: IPAddress, _ addressAt: (Int) -> IPAddress) {
        guard var hole = place(of: address, addressAt) else { return }
        // Whoever stands behind the hole because its own place was taken moves up, so that no search ends too early.
        let mask = places.count - 1
        var next = (hole + 1) & mask
        while places[next] != AddressIndex.free {
            let distance = (next - home(addressAt(Int(places[next])))) & mask
            if distance >= (next - hole) & mask {
                places[hole] = places[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        places[hole] = AddressIndex.free
        count -= 1
    }

    @inline(__always)
    private func place(of address: IPAddress, _ addressAt: (Int) -> IPAddress) -> Int? {
        guard count > 0 else { return nil }
        var place = home(address)
        while places[place] != AddressIndex.free {
            if addressAt(Int(places[place])) == address { return place }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }

    private func home(_ address: IPAddress) -> Int { address.hashValue & (places.count - 1) }

    private mutating func settle(_ address: IPAddress, _ position: Int32) {
        var place = home(address)
        while places[place] != AddressIndex.free { place = (place + 1) & (places.count - 1) }
        places[place] = position
    }

    @inline(__always)
    private mutating func grow(_ addressAt: (Int) -> IPAddress) {
        let old = places
        places = [Int32](repeating: AddressIndex.free, count: max(16, 2 * old.count))
        for position in old where position != AddressIndex.free { settle(addressAt(Int(position)), position) }
    }
}

/// Values by single address, side by side. Entries stand in the order they came, but the last one takes the place of
/// one that is taken out.
struct HostTable<Value: Sendable>: Sendable {
    private(set) var addresses: [IPAddress] = []
    private(set) var values: [Value] = []
    private var index = AddressIndex()

    var count: Int { addresses.count }

    subscript(address: IPAddress) -> Value? {
        get { index.position(of: address) { addresses[$0] }.map { values[$0] } }
        set {
            switch (index.position(of: address) { addresses[$0] }, newValue) {
            case (let position?, let value?): values[position] = value
            case (let position?, nil): remove(address, at: position)
            case (nil, let value?):
                index.insert(address, at: count) { addresses[$0] }
                addresses.append(address)
                values.append(value)
            case (nil, nil): break
            }
        }
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
