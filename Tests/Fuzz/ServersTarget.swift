import Events

@testable import MailServer

/// The files in which mail servers are told what to do: read through /proc/PID/root, so a container's too. Several in
/// one input, a zero between them.
struct ServersTarget: Target {
    private static let names = ["smtpd_timeout", "default_process_limit", "maillog_file", "smtp_accept_max", "a", "b"]

    mutating func run(_ input: [UInt8]) {
        let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
        let first = String(decoding: parts[0], as: UTF8.self)
        let second = String(decoding: parts.count > 1 ? parts[1] : [], as: UTF8.self)
        postfix(first, second)
        exim(first)
        let options = sendmailOptions(first)
        for (name, value) in ServersTarget.assignments(first, "O ") {
            require(options[name.lowercased()] != nil, "\(name) = \(value) is not read: \(shown(first.utf8))")
        }
        var courier = CourierSettings(esmtpdFile: first)
        require(courier.blocks.allSatisfy { $0.hasPrefix("-block=") }, "\(courier.blocks)")
        let arguments = first.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        courier = CourierSettings(file: courier, running: CourierSettings(arguments: arguments))
        require(courier.blocksThatCannotWork.allSatisfy(courier.blocks.contains), "\(courier.blocks)")
        check(lists: courier.lists + eximLists(first) + sendmailLists(first), of: first)
        check(lists: qpsmtpdLists(first, isOfNames: false) + rblsmtpdLists(["rblsmtpd"] + arguments), of: first)
        check(span: first, ServersTarget.seconds(first))
        if let span = CourierSettings.span(controlFile: first) { require(span >= .zero, "\(span)") }
    }

    /// What is asked is a name that stands in the settings.
    private func check(lists: [AskedList], of text: String) {
        for list in lists {
            let isPlain = list.zone.utf8.allSatisfy { $0 > 0x2c && $0 < 0x7b }
            // Quotes within a word are the shell's.
            let bare = text.utf8.filter {
                $0 != UInt8(ascii: "'") && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
            let isThere = Array(text.utf8).contains(list.zone.utf8) || bare.contains(list.zone.utf8)
            require(isPlain && isThere, "\(list) is not in \(shown(text.utf8))")
        }
    }

    private func postfix(_ main: String, _ master: String) {
        let settings = PostfixSettings(main: main, master: master)
        let plain = Dictionary(ServersTarget.assignments(main, ""), uniquingKeysWith: { $1 })
        for name in ServersTarget.names {
            let value = settings.value(name)
            require(value.utf8.count <= 65536, "\(value.utf8.count) bytes of \(name)")
            if let text = plain[name], !text.contains("$"), !ServersTarget.isFolded(main) {
                require(value == text, "\(name) is \"\(value)\", not \"\(text)\"")
            }
        }
        let lists = settings.lists(of: settings.services)
        require(lists.count <= 64 && lists.allSatisfy { $0.zone.contains(".") }, "\(lists)")
        for service in settings.services {
            require(master.utf8.count >= service.name.utf8.count && !service.command.isEmpty, "\(service)")
            _ = settings.span("smtpd_timeout", of: service)
            _ = settings.number("default_process_limit", of: service)
        }
    }

    private func exim(_ text: String) {
        let settings = EximSettings(text)
        // Conditions, macros, folded lines, `==` and what follows the main section are for the reader alone.
        let isPlain = !text.contains("begin") && !text.contains("\\") && !text.contains(".")
        let plain = Dictionary(ServersTarget.assignments(text, ""), uniquingKeysWith: { $1 })
        for name in ServersTarget.names {
            _ = settings.number(name)
            guard isPlain, let text = plain[name], let value = settings.value(name) else { continue }
            let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x41 } && !text.hasPrefix("=")
            require(value == text || !isPlain, "\(name): \(value), not \(text)")
        }
    }

    private static func isFolded(_ text: String) -> Bool {
        Array(text.utf8).split(separator: 0x0a).contains { $0.first == 0x20 || $0.first == 0x09 }
    }

    /// The lines `NAME = VALUE` behind `word`, whose every byte stands for itself.
    private static func assignments(_ text: String, _ word: String) -> [(String, String)] {
        func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
            var bytes = bytes
            while let first = bytes.first, [0x20, 0x09, 0x0d].contains(first) { bytes.removeFirst() }
            while let last = bytes.last, [0x20, 0x09, 0x0d].contains(last) { bytes.removeLast() }
            return String(decoding: bytes, as: UTF8.self)
        }
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return [] }
        return Array(text.utf8).split(separator: 0x0a).compactMap { line in
            guard line.starts(with: word.utf8), let equals = line.firstIndex(of: UInt8(ascii: "=")),
                line.first != UInt8(ascii: "#")
            else { return nil }
            let value = trimmed(line[(equals + 1)...])
            return (trimmed(line[..<equals].dropFirst(word.utf8.count)), value)
        }
    }

    private func check(span text: String, _ seconds: Int64?) {
        let read = serverSpan(text)
        if let read, let seconds { require(read == .seconds(seconds), "\(shown(text.utf8)) is \(read)") }
        require(read == nil || seconds != nil, "\(shown(text.utf8)) is \(String(describing: read))")
    }

    /// Numbers with a unit behind each, the last perhaps without.
    private static func seconds(_ text: String) -> Int64? {
        var total: Int64 = 0
        var rest = Array(text.utf8)[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty, let count = Int64(String(decoding: digits, as: UTF8.self)) else { return nil }
            rest = rest.dropFirst(digits.count)
            let units: [UInt8: Int64] = [0x73: 1, 0x6d: 60, 0x68: 3600, 0x64: 86400, 0x77: 604_800]
            guard let factor = rest.first.map({ units[$0 | 0x20] }) ?? 1 else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: factor)
            let (sum, overflowed) = total.addingReportingOverflow(product)
            guard !overflow, !overflowed else { return nil }
            total = sum
            rest = rest.dropFirst()
        }
        return total
    }
}
