import CNetfilter

/// The attributes (struct nlattr) of one message or of one nest. Each is checked to lie inside its surroundings before
/// it is handed out; the walk ends at the first that does not.
struct Attributes: Sequence, IteratorProtocol {
    private var current: UnsafeRawPointer
    private var remaining: Int

    /// The attributes behind a family header of `headerBytes`.
    init(of message: UnsafePointer<nlmsghdr>, after headerBytes: Int) {
        let start = Int(MNL_NLMSG_HDRLEN) + headerBytes
        current = UnsafeRawPointer(message) + start
        remaining = Int(message.pointee.nlmsg_len) - start
    }

    /// The attributes inside `nest`.
    init(in nest: Attribute) {
        current = nest.payload
        remaining = nest.count
    }

    mutating func next() -> Attribute? {
        let headerBytes = MemoryLayout<nlattr>.size
        guard remaining >= headerBytes else { return nil }
        let length = Int(current.load(as: nlattr.self).nla_len)
        guard length >= headerBytes, length <= remaining else { return nil }
        let attribute = Attribute(
            type: Int(current.load(as: nlattr.self).nla_type) & Int(NLA_TYPE_BITS), payload: current + headerBytes,
            count: length - headerBytes)
        let step = Swift.min((length + 3) & ~3, remaining)
        current += step
        remaining -= step
        return attribute
    }

    /// The first attribute of `type`.
    func first(_ type: UInt32) -> Attribute? { first { $0.type == Int(type) } }
}

/// One attribute's value, valid while its message is being visited.
struct Attribute {
    let type: Int
    let payload: UnsafeRawPointer
    let count: Int

    /// nf_tables writes its numbers in network order. `nil` when the attribute has another length.
    var u32: UInt32? { count == 4 ? UInt32(bigEndian: payload.loadUnaligned(as: UInt32.self)) : nil }
    var u64: UInt64? { count == 8 ? UInt64(bigEndian: payload.loadUnaligned(as: UInt64.self)) : nil }
    /// extended acknowledgements are in host order.
    var hostU32: UInt32? { count == 4 ? payload.loadUnaligned(as: UInt32.self) : nil }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: payload, count: count) }
    /// A string up to its NUL.
    var string: String { String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
    func isString(_ text: String) -> Bool { bytes.prefix { $0 != 0 }.elementsEqual(text.utf8) }
}

/// NLA_TYPE_MASK of linux/netlink.h: the type without its nested and byte order flags.
private let NLA_TYPE_BITS: UInt16 = 0x3fff
/// `NLMSG_HDRLEN` of linux/netlink.h.
private let MNL_NLMSG_HDRLEN = 16
