import Addresses
import Policy
import Testing

/// Counters that only grow, until their element is made anew: nothing counts twice.
@Suite struct DropReadingsTests {
    private typealias Reading = DropReadings.Reading

    @Test(arguments: ["192.0.2.7", "198.51.100.0/24", "2001:db8::7", "2001:db8:66::/48"])
    func `only what came since counts`(text: String) throws {
        let prefix = try Prefix(parsing: text)
        var readings = DropReadings()
        func growth(_ packets: UInt64, _ bytes: UInt64) -> [UInt64] {
            let new = readings.growth(prefix, Reading(packets: packets, bytes: bytes))
            return [new.packets, new.bytes]
        }
        #expect(growth(0, 0) == [0, 0])
        #expect(!readings.isChanged && readings.all.isEmpty, "an element without packets takes no room")
        #expect(growth(3, 180) == [3, 180])
        #expect(readings.isChanged)
        #expect(growth(3, 180) == [0, 0])
        #expect(growth(5, 300) == [2, 120])
        // Lower: another element stands there.
        #expect(growth(1, 40) == [1, 40])
        #expect(growth(2, 30) == [2, 30])
        #expect(growth(0, 0) == [0, 0])
        #expect(readings.all.isEmpty)
        // Made anew as known: as many packets as before are new ones.
        #expect(growth(2, 80) == [2, 80])
        readings.forget(prefix)
        #expect(growth(2, 80) == [2, 80])
    }

    @Test func `they go on after a restart`() throws {
        let host = try Prefix(parsing: "192.0.2.7")
        let network = try Prefix(parsing: "192.0.2.0/24")
        var before = DropReadings()
        _ = before.growth(host, Reading(packets: 3, bytes: 180))
        _ = before.growth(network, Reading(packets: 4, bytes: 240))
        var after = DropReadings()
        for (prefix, reading) in before.all { after.restore(prefix, reading) }
        #expect(after.growth(host, Reading(packets: 3, bytes: 180)).packets == 0)
        #expect(after.growth(network, Reading(packets: 9, bytes: 540)) == Reading(packets: 5, bytes: 300))
    }
}
