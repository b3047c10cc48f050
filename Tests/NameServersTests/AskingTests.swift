import Addresses
import Events
import Glibc
import Testing

@testable import NameServers

/// Name servers of this process: a socket on the loopback each, and what is done with what comes.
@Suite struct AskingTests {
    /// Takes `count` questions and sends what `answer` makes of each, by another's socket if one is given.
    private final class Server: Sendable {
        let number: Int32
        let port: UInt16

        init() throws {
            let number = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            var form = sockaddr_in()
            form.sin_family = sa_family_t(AF_INET)
            form.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isBound = withUnsafeMutablePointer(to: &form) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    bind(number, address, length) == 0 && getsockname(number, address, &length) == 0
                }
            }
            self.number = number
            port = UInt16(bigEndian: form.sin_port)
            try #require(isBound)
        }
        deinit { close(number) }

        var name: NameServer { NameServer(IPAddress(v4: 0x7f00_0001), port: port) }

        func serve(_ count: Int, by sender: Int32? = nil, _ answer: @escaping @Sendable ([UInt8]) -> [[UInt8]]) {
            let number = number
            let server = self
            Thread.start {
                defer { withExtendedLifetime(server) {} }
                for _ in 0..<count {
                    var bytes = [UInt8](repeating: 0, count: 512)
                    var peer = sockaddr_storage()
                    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
                    withUnsafeMutablePointer(to: &peer) { pointer in
                        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                            let got = recvfrom(number, &bytes, bytes.count, 0, address, &length)
                            guard got > 0 else { return }
                            for message in answer(Array(bytes[..<got])) {
                                _ = sendto(sender ?? number, message, message.count, 0, address, length)
                            }
                        }
                    }
                }
            }
        }
    }

    private enum Thread {
        static func start(_ body: @escaping @Sendable () -> Void) {
            var thread = pthread_t()
            let box = Unmanaged.passRetained(Box(body))
            pthread_create(
                &thread, nil,
                {
                    $0.map { Unmanaged<Box>.fromOpaque($0).takeRetainedValue().body() }
                    return nil
                }, box.toOpaque())
            pthread_detach(thread)
        }
        private final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
    }

    /// The question turned into an answer with this record of 127.0.0.`last`.
    private static func answer(_ question: [UInt8], last: UInt8) -> [UInt8] {
        var message = question
        message[2] = 0x81
        message[3] = 0x80
        message[7] = 1
        return message + [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, last]
    }

    private func ask(_ servers: [NameServer], _ span: Duration) throws -> (answer: DNSAnswer, hasAnswer: Bool) {
        let question = try #require(DNSQuestion("2.0.0.127.zen.example", .address))
        let (answers, hasAnswer) = Asking.ask([question], of: servers, within: span)
        return (try #require(answers.first), hasAnswer)
    }

    private static let two = DNSAnswer.addresses([IPAddress(v4: 0x7f00_0002)])

    @Test func `what fits no question is passed over until the answer comes`() throws {
        let server = try Server()
        server.serve(1) { question in
            var other = Self.answer(question, last: 66)
            other[0] ^= 1
            var name = Self.answer(question, last: 66)
            name[13] = 0x39
            return [[], [1, 2, 3], other, name, Self.answer(question, last: 2)]
        }
        #expect(try ask([server.name], .seconds(5)).answer == Self.two)
    }

    @Test func `an answer from another port is nobody's`() throws {
        let (server, forger) = (try Server(), try Server())
        server.serve(9, by: forger.number) { [Self.answer($0, last: 66)] }
        let begin = ContinuousClock.now
        let (answer, hasAnswer) = try ask([server.name], .milliseconds(600))
        #expect(answer == .failed("no answer in 600ms") && !hasAnswer)
        #expect(ContinuousClock.now - begin < .seconds(3))
    }

    @Test func `the next server is asked when one fails, is gone, or says nothing`() throws {
        let (failing, silent, good) = (try Server(), try Server(), try Server())
        let nobody = try Server().name
        failing.serve(9) { question in
            var message = question
            (message[2], message[3]) = (0x81, 0x82)
            return [message]
        }
        good.serve(9) { [Self.answer($0, last: 2)] }
        #expect(try ask([failing.name, good.name], .seconds(5)).answer == Self.two)
        #expect(try ask([nobody, good.name], .seconds(5)).answer == Self.two)
        let begin = ContinuousClock.now
        #expect(try ask([silent.name, good.name], .seconds(5)).answer == Self.two)
        #expect(ContinuousClock.now - begin > .milliseconds(900))
        #expect(try ask([failing.name], .seconds(5)).answer == .failed("SERVFAIL"))
        let (answer, hasAnswer) = try ask([nobody], .seconds(5))
        #expect(answer == .failed("nobody answers at \(nobody)") && !hasAnswer)
    }

    @Test func `many questions are open at once`() throws {
        let server = try Server()
        server.serve(600) { [Self.answer($0, last: $0[13])] }
        let questions = (0..<240).compactMap { DNSQuestion("\($0 % 10).x\($0).example", .address) }
        let begin = ContinuousClock.now
        let (answers, _) = Asking.ask(questions, of: [server.name], within: .seconds(5))
        #expect(ContinuousClock.now - begin < .seconds(5))
        for (index, answer) in answers.enumerated() {
            #expect(answer == .addresses([IPAddress(v4: 0x7f00_0030 + UInt32(index % 10))]), "\(index)")
        }
    }
}
