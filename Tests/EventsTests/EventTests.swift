import Addresses
import Events
import Testing

@Suite struct EventTests {
    private func event() throws -> Event {
        var event = Event(.rejection, class: .other)
        event.candidates = [try #require(IPAddress("192.0.2.7")), try #require(IPAddress("192.0.2.66"))]
        return event
    }

    @Test func `the candidate that the kernel names is the peer, and the rest of the line is read from there`() throws {
        var event = try event()
        var reading = Event.Reading()
        reading.rejectionClass = .rbl
        reading.code = 550
        reading.port = 4711
        reading.zone = "zen.example"
        event.readings = [reading, nil]
        var other = event
        #expect(event.settle(on: try #require(IPAddress("192.0.2.7"))))
        var expected = Event(
            .rejection, class: .rbl, code: 550, peer: IPAddress("192.0.2.7"), port: 4711, zone: "zen.example")
        #expect(event == expected)
        // With the other one for its peer the line is no event.
        #expect(!other.settle(on: try #require(IPAddress("192.0.2.66"))))
        expected.clear()
        event.clear()
        #expect(event == expected && event == Event())
    }

    @Test func `without readings the event is the same for every candidate`() throws {
        var event = try event()
        #expect(!event.settle(on: try #require(IPAddress("192.0.2.8"))))
        #expect(event.settle(on: try #require(IPAddress("192.0.2.66"))))
        #expect(event == Event(.rejection, class: .other, peer: IPAddress("192.0.2.66")))
    }
}
