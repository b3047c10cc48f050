import Events
import Testing

@Suite struct SortingWindowTests {
    private func event(_ number: Int) -> Event {
        var event = Event(.saturation)
        event.connections = number
        return event
    }

    private func number(_ event: Event) -> Int { event.connections ?? -1 }

    /// The order in which values named by their second come out; `span` and `most` as given.
    private func order(_ seconds: [Int64], span: Int64 = 10, most: Int = 100) -> (out: [Int64], late: Int) {
        var window = SortingWindow(span: .seconds(span), most: most)
        var out: [Int64] = []
        for second in seconds {
            window.add(event(Int(second)), at: Instant(seconds: second))
            while let next = window.next() { out.append(Int64(number(next.event))) }
        }
        while let next = window.next(isEnd: true) { out.append(Int64(number(next.event))) }
        return (out, window.late)
    }

    @Test(
        arguments: [
            ("nothing", [], [], 0),
            ("in order", [1, 2, 3, 30], [1, 2, 3, 30], 0),
            ("mixed within the span", [3, 1, 2, 9, 5, 30], [1, 2, 3, 5, 9, 30], 0),
            ("one beyond the span", [20, 25, 40, 3, 41], [20, 25, 3, 40, 41], 1),
            ("a step back for good", [100, 200, 10, 11, 12], [100, 10, 11, 12, 200], 3),
        ] as [(String, [Int64], [Int64], Int)])
    func `what comes within the span is sorted, the rest counted`(
        name: String, seconds: [Int64], expected: [Int64], late: Int
    ) {
        let result = order(seconds)
        #expect(result.out == expected)
        #expect(result.late == late)
    }

    @Test func `no more wait than may`() {
        let result = order([5, 4, 3, 2, 1], span: 1000, most: 2)
        #expect(result.out == [3, 2, 1, 4, 5])
        #expect(result.late == 2)
    }

    @Test func `those of one time keep their order`() {
        var window = SortingWindow(span: .seconds(1), most: 1000)
        for number in 0..<100 { window.add(event(number), at: Instant(seconds: 7)) }
        var out: [Int] = []
        while let next = window.next(isEnd: true) { out.append(number(next.event)) }
        #expect(out == Array(0..<100))
    }

    @Test func `times never go back`() {
        var window = SortingWindow(span: .seconds(5), most: 50)
        var state: UInt64 = 1
        var last = Instant.distantPast
        for number in 0..<5000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            window.add(event(number), at: Instant(seconds: Int64(number) - Int64(state >> 58)))
            while let next = window.next() {
                #expect(next.time >= last)
                last = next.time
            }
        }
        #expect(window.late > 0)
    }
}
