import Addresses
import Events
import Policy
import Testing

@Suite struct SlotModelTests {
    private static let start = Instant(seconds: 1_800_000_000)
    private let peer = IPAddress(v4: 0xc633_6407)

    private func at(_ second: Int64) -> Instant { Self.start + .seconds(second) }

    private func figures(_ model: SlotModel) -> [Int] {
        let found = model.figures(at: model.allEnded)
        return [
            found.secondsBefore, found.secondsAfter, found.peakBefore, found.peakAfter, found.connections,
            found.refused, found.ended,
        ]
    }

    @Test func `a rejected connection without an end holds its slot for the given span`() {
        var model = SlotModel(hold: .seconds(100))
        model.begin(peer, 1, at: at(0), isRefused: false)
        model.reject(peer, 1, at: at(8), isRefused: false)
        #expect(figures(model) == [108, 108, 1, 1, 1, 0, 0])
    }

    @Test func `an end that is logged is the end`() {
        var model = SlotModel(hold: .seconds(100))
        model.begin(peer, 1, at: at(0), isRefused: false)
        model.reject(peer, 1, at: at(8), isRefused: false)
        model.end(peer, 1, at: at(10))
        #expect(figures(model) == [10, 10, 1, 1, 1, 0, 0])
    }

    @Test func `one that is ended with its rejection, one of a banned source`() {
        var model = SlotModel(hold: .seconds(100))
        model.begin(peer, 1, at: at(0), isRefused: false)
        model.reject(peer, 1, at: at(8), isRefused: false)
        model.shed(peer, 1, at: at(8))
        model.begin(peer, 2, at: at(20), isRefused: true)
        model.reject(peer, 2, at: at(21), isRefused: true)
        model.shed(peer, 2, at: at(21))
        #expect(figures(model) == [209, 8, 2, 1, 2, 1, 1])
    }

    @Test func `a connection counts once, one that was never rejected not at all`() {
        var model = SlotModel(hold: .seconds(100))
        model.begin(peer, 1, at: at(0), isRefused: false)
        for second in 1...5 as ClosedRange<Int64> {
            model.reject(peer, 1, at: at(second), isRefused: false)
            model.shed(peer, 1, at: at(second))
        }
        model.begin(peer, 2, at: at(6), isRefused: false)
        model.end(peer, 2, at: at(50))
        #expect(figures(model) == [101, 1, 1, 1, 1, 0, 1])
    }

    @Test func `a rejection whose begin is not logged begins then; without port and process by the second`() {
        var model = SlotModel(hold: .seconds(10))
        for second in [0, 0, 1, 1, 1] as [Int64] {
            model.reject(peer, SlotModel.mark(port: nil, pid: nil, at: at(second)), at: at(second), isRefused: false)
        }
        #expect(figures(model) == [20, 20, 2, 2, 2, 0, 0])
    }

    @Test func `the peak is that of the same second, and a begin long ago is seen`() {
        var model = SlotModel(hold: .seconds(60))
        for port in 1...50 as ClosedRange<UInt32> { model.begin(peer, port, at: at(Int64(port)), isRefused: false) }
        // The first ten have ended before the last forty are rejected.
        for port in 1...10 as ClosedRange<UInt32> { model.reject(peer, port, at: at(60), isRefused: false) }
        for port in 1...10 as ClosedRange<UInt32> { model.end(peer, port, at: at(61)) }
        for port in 11...50 as ClosedRange<UInt32> { model.reject(peer, port, at: at(1000), isRefused: false) }
        let found = model.figures(at: model.allEnded)
        // At 50 all were open, which is known only since the rejections at 60 and at 1000.
        #expect(found.peakBefore == 50)
        #expect(found.secondsBefore == (1...10).reduce(0) { $0 + 61 - $1 } + (11...50).reduce(0) { $0 + 1060 - $1 })
    }

    @Test func `so far: what is still held counts up to now`() {
        var model = SlotModel(hold: .seconds(600))
        model.reject(peer, 1, at: at(0), isRefused: false)
        model.shed(peer, 1, at: at(0))
        #expect(model.figures(at: at(30)).secondsBefore == 30)
        #expect(model.figures(at: at(30)).secondsAfter == 0)
        #expect(model.figures(at: at(0)).peakBefore == 1, "it has not ended just because somebody asks")
        #expect(model.figures(at: at(5000)).secondsBefore == 600)
        // Asking changed nothing.
        #expect(figures(model) == [600, 0, 1, 0, 1, 0, 1])
    }

    @Test func `no more than so many are remembered; whoever leaves ends then`() {
        var model = SlotModel(hold: .seconds(1000), most: 10)
        for number in 0..<1000 as Range<UInt32> {
            model.begin(peer, number, at: at(Int64(number)), isRefused: false)
            model.reject(peer, number, at: at(Int64(number)), isRefused: false)
        }
        let found = model.figures(at: model.allEnded)
        #expect(found.connections == 1000)
        #expect(found.peakBefore == 10)
        #expect(found.secondsBefore == 990 * 10 + 10 * 1000)
    }

    /// Against a model that remembers everything and draws its curve at the end.
    @Test func `a day of connections as by hand`() {
        var model = SlotModel(hold: .seconds(90))
        var seed: UInt64 = 7
        func next(_ bound: UInt64) -> Int64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64(seed >> 33 % bound)
        }
        var second: Int64 = 0
        var open: [UInt32: (begin: Int64, refused: Bool, rejected: Int64?, shed: Bool)] = [:]
        var steps: [(at: Int64, before: Int, after: Int)] = []
        var (secondsBefore, secondsAfter): (Int64, Int64) = (0, 0)
        func close(_ mark: UInt32, _ end: Int64) {
            guard let entry = open.removeValue(forKey: mark), let rejected = entry.rejected else { return }
            let end = min(end, rejected + 90)
            secondsBefore += end - entry.begin
            steps += [(entry.begin, 1, 0), (end, -1, 0)]
            if entry.refused { return }
            let after = entry.shed ? rejected : end
            secondsAfter += after - entry.begin
            steps += [(entry.begin, 0, 1), (after, 0, -1)]
        }
        for _ in 0..<40_000 {
            second += next(3)
            let mark = UInt32(next(200))
            for (old, entry) in open where entry.rejected.map({ $0 + 90 <= second }) == true { close(old, second) }
            switch next(4) {
            case 0:
                let refused = next(3) == 0
                close(mark, second)
                open[mark] = (second, refused, nil, false)
                model.begin(peer, mark, at: at(second), isRefused: refused)
            case 1, 2:
                let shed = next(2) == 0
                if open[mark] == nil { open[mark] = (second, false, nil, false) }
                let isFirst = open[mark]?.rejected == nil
                if isFirst { open[mark]?.rejected = second }
                if isFirst, shed, open[mark]?.refused == false { open[mark]?.shed = true }
                model.reject(peer, mark, at: at(second), isRefused: false)
                if isFirst, shed { model.shed(peer, mark, at: at(second)) }
            default:
                close(mark, second)
                model.end(peer, mark, at: at(second))
            }
        }
        for mark in open.keys.sorted() { close(mark, .max) }
        var (before, after, peakBefore, peakAfter) = (0, 0, 0, 0)
        for (_, group) in Dictionary(grouping: steps, by: \.at).sorted(by: { $0.key < $1.key }) {
            before += group.reduce(0) { $0 + $1.before }
            after += group.reduce(0) { $0 + $1.after }
            (peakBefore, peakAfter) = (max(peakBefore, before), max(peakAfter, after))
        }
        let found = model.figures(at: model.allEnded)
        #expect(found.secondsBefore == Int(secondsBefore))
        #expect(found.secondsAfter == Int(secondsAfter))
        #expect(found.peakBefore == peakBefore)
        #expect(found.peakAfter == peakAfter)
        #expect(peakBefore > 30 && peakAfter < peakBefore)
    }
}
