import Addresses
import CLinux
import CNetfilter
import Events

/// One prefix on its way into or out of a set.
struct ElementEntry {
    var prefix: Prefix
    /// `nil` is no end.
    var timeoutMilliseconds: UInt64?
    /// Whose it is: named again when the kernel refuses it.
    var owner: Int
}

/// Elements as nf_tables reads and writes them: through libmnl's attributes, without an object for each in between.
///
/// A host is one element. A network in an interval set is two: its first address, which carries timeout and counter,
/// and the address behind its last with the flag INTERVAL_END, left out where the address space ends.
enum ElementWire {
    /// Elements in one message: 500 networks of IPv6 take 40 KB, and a nest holds 64 KB.
    static let perMessage = 500

    /// Adds messages that put `entries` into `set` (or take them out).
    static func write(
        _ type: nf_tables_msg_types, _ operation: StaticString, _ entries: [ElementEntry], set: SetName,
        table: String = tableName, to batch: Batch
    ) {
        var index = 0
        while index < entries.count {
            let part = entries[index..<min(index + perMessage, entries.count)]
            index += perMessage
            batch.add(type, operation, set.rawValue, flags: type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0) { header in
                writeNames(set, table, to: header)
                let list = mnl_attr_nest_start(header, UInt16(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue))
                var starts: [(start: Int, owner: Int)] = []
                starts.reserveCapacity(part.count)
                for entry in part {
                    starts.append((Int(header.pointee.nlmsg_len), entry.owner))
                    let isAdded = type == NFT_MSG_NEWSETELEM
                    writeElement(
                        entry.prefix.address, in: set, timeoutMilliseconds: isAdded ? entry.timeoutMilliseconds : nil,
                        to: header)
                    if set.isInterval, let end = end(of: entry.prefix) {
                        writeElement(end, in: set, isEnd: true, to: header)
                    }
                }
                mnl_attr_nest_end(header, list)
                return starts
            }
        }
    }

    /// Adds a message that puts ranges without timeout into an interval set.
    static func write(_ ranges: [AddressRange], set: SetName, to batch: Batch) {
        var index = 0
        while index < ranges.count {
            let part = ranges[index..<min(index + perMessage, ranges.count)]
            index += perMessage
            batch.add(NFT_MSG_NEWSETELEM, "add", set.rawValue, flags: NLM_F_CREATE) { header in
                writeNames(set, tableName, to: header)
                let list = mnl_attr_nest_start(header, UInt16(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue))
                for range in part {
                    writeElement(range.first, in: set, to: header)
                    if let end = range.end(isIPv4: set.isIPv4) { writeElement(end, in: set, isEnd: true, to: header) }
                }
                mnl_attr_nest_end(header, list)
                return []
            }
        }
    }

    /// Adds a message that takes everything out of `set`.
    static func flush(_ set: SetName, in batch: Batch) {
        batch.add(NFT_MSG_DELSETELEM, "flush", set.rawValue) { header in
            writeNames(set, tableName, to: header)
            return []
        }
    }

    static func writeNames(_ set: SetName, _ table: String, to header: UnsafeMutablePointer<nlmsghdr>) {
        mnl_attr_put_strz(header, UInt16(NFTA_SET_ELEM_LIST_TABLE.rawValue), table)
        mnl_attr_put_strz(header, UInt16(NFTA_SET_ELEM_LIST_SET.rawValue), set.rawValue)
    }

    static func writeElement(
        _ address: IPAddress, in set: SetName, timeoutMilliseconds: UInt64? = nil, isEnd: Bool = false,
        to header: UnsafeMutablePointer<nlmsghdr>
    ) {
        let element = mnl_attr_nest_start(header, UInt16(NFTA_LIST_ELEM.rawValue))
        let key = mnl_attr_nest_start(header, UInt16(NFTA_SET_ELEM_KEY.rawValue))
        if set.isIPv4 {
            var bits = UInt32(truncatingIfNeeded: address.low).bigEndian
            mnl_attr_put(header, UInt16(NFTA_DATA_VALUE.rawValue), 4, &bits)
        } else {
            var bits = (address.high.bigEndian, address.low.bigEndian)
            mnl_attr_put(header, UInt16(NFTA_DATA_VALUE.rawValue), 16, &bits)
        }
        mnl_attr_nest_end(header, key)
        if let timeoutMilliseconds {
            mnl_attr_put_u64(header, UInt16(NFTA_SET_ELEM_TIMEOUT.rawValue), timeoutMilliseconds.bigEndian)
        }
        if isEnd {
            mnl_attr_put_u32(
                header, UInt16(NFTA_SET_ELEM_FLAGS.rawValue), UInt32(NFT_SET_ELEM_INTERVAL_END.rawValue).bigEndian)
        }
        mnl_attr_nest_end(header, element)
    }

    /// The address behind the last of `prefix`; `nil` where the address space of its family ends with it.
    static func end(of prefix: Prefix) -> IPAddress? {
        AddressRange(prefix).end(isIPv4: prefix.isIPv4)
    }

    /// A span as the kernel takes it, never less than asked; `nil` is no end.
    ///
    /// The kernel rounds down to its own ticks of up to 10 ms, and takes 0 for no end at all; every tick in use
    /// divides 100 ms.
    static func timeoutMilliseconds(_ span: Duration) -> UInt64? {
        if span == .forever { return nil }
        let nanoseconds = max(span.nanoseconds, 1)
        return UInt64((nanoseconds - 1) / 100_000_000 + 1) * 100
    }

    // MARK: - Reading

    /// Visits the elements of an answer that are in `set`.
    static func read(
        _ message: UnsafePointer<nlmsghdr>, from set: SetName, _ visit: (RawElement) -> Void
    ) {
        guard message.pointee.nlmsg_type == MessageType(NFT_MSG_NEWSETELEM),
            let list = Attributes(of: message, after: familyHeaderBytes).first(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)
        else { return }
        for element in Attributes(in: list) {
            if let raw = RawElement(element, keyBytes: set.keyBytes) { visit(raw) }
        }
    }
}

/// One element as the kernel tells it.
struct RawElement {
    let address: IPAddress
    private(set) var isEnd = false
    private(set) var timeout: Duration?
    private(set) var expires: Duration?
    private(set) var packets: UInt64 = 0
    private(set) var bytes: UInt64 = 0

    /// `nil` when it has no key of the right length.
    init?(_ element: Attribute, keyBytes: Int) {
        var key: IPAddress?
        for attribute in Attributes(in: element) {
            switch UInt32(attribute.type) {
            case NFTA_SET_ELEM_KEY.rawValue:
                guard let value = Attributes(in: attribute).first(NFTA_DATA_VALUE.rawValue), value.count == keyBytes
                else { return nil }
                key = keyBytes == 4 ? value.u32.map(IPAddress.init(v4:)) : value.v6
            case NFTA_SET_ELEM_FLAGS.rawValue:
                isEnd = (attribute.u32 ?? 0) & UInt32(NFT_SET_ELEM_INTERVAL_END.rawValue) != 0
            case NFTA_SET_ELEM_TIMEOUT.rawValue: timeout = attribute.u64.map(RawElement.span)
            case NFTA_SET_ELEM_EXPIRATION.rawValue: expires = attribute.u64.map(RawElement.span)
            case NFTA_SET_ELEM_EXPR.rawValue:
                if let counted = RawElement.counter(attribute) { (packets, bytes) = counted }
            default: break
            }
        }
        guard let key else { return nil }
        address = key
        // A timeout of 0 is how kernels since 6.12 tell that an element has no end.
        if timeout == .zero { timeout = nil }
        if timeout == nil { expires = nil }
    }

    private static func counter(_ expression: Attribute) -> (packets: UInt64, bytes: UInt64)? {
        guard Attributes(in: expression).first(NFTA_EXPR_NAME.rawValue)?.isString("counter") ?? false,
            let data = Attributes(in: expression).first(NFTA_EXPR_DATA.rawValue)
        else { return nil }
        var packets: UInt64 = 0
        var bytes: UInt64 = 0
        for value in Attributes(in: data) {
            if value.type == Int(NFTA_COUNTER_PACKETS.rawValue) { packets = value.u64 ?? 0 }
            if value.type == Int(NFTA_COUNTER_BYTES.rawValue) { bytes = value.u64 ?? 0 }
        }
        return (packets, bytes)
    }

    private static func span(_ milliseconds: UInt64) -> Duration {
        .milliseconds(Int64(clamping: min(milliseconds, UInt64(Int64.max / 1_000_000))))
    }

    func element(_ place: Element.Place, _ prefix: Prefix) -> Element {
        Element(place, prefix, timeout: timeout, expires: expires, packets: packets, bytes: bytes)
    }
}

extension Attribute {
    fileprivate var v6: IPAddress? {
        guard count == 16 else { return nil }
        return IPAddress(
            high: UInt64(bigEndian: payload.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: payload.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}

/// struct nfgenmsg.
let familyHeaderBytes = 4

/// The netlink message type of an nf_tables message: its subsystem in the high byte.
func MessageType(_ type: nf_tables_msg_types) -> UInt16 {
    UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue)
}
