/// Text that comes from elsewhere, made harmless for HTML and XML: the one way by which it gets into a page or a drawing.
enum Markup {
    /// As it may stand between tags and in a quoted attribute, in HTML as in XML. What no document may hold (control
    /// characters) or what turns the direction of writing becomes U+FFFD.
    static func escaped(_ text: String) -> String {
        if text.utf8.allSatisfy({ !needsCare[Int($0)] }) { return text }
        var result = ""
        result.reserveCapacity(text.utf8.count + 32)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case _ where isForbidden(scalar.value): result += "\u{fffd}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static let needsCare: [Bool] = (0..<256).map { byte in
        byte < 0x20 || byte > 0x7e || "&<>\"'".utf8.contains(UInt8(byte))
    }

    private static func isForbidden(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0..<0x20, 0x7f...0x9f, 0x061c, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069, 0xfdd0...0xfdef: true
        default: scalar & 0xfffe == 0xfffe
        }
    }

    /// A name as an `id`: letters, digits, `_` and `-`; never empty.
    static func anchor(_ name: String) -> String {
        let bytes = name.utf8.map { byte -> UInt8 in
            switch byte {
            case 0x30...0x39, 0x61...0x7a, 0x5f, 0x2d: byte
            case 0x41...0x5a: byte | 0x20
            default: 0x2d
            }
        }
        return bytes.isEmpty ? "section" : String(decoding: bytes, as: UTF8.self)
    }
}
