import Addresses
import CLinux
import CNetfilter
import Glibc

/// Looking up single elements by their key: about a microsecond each, without a transaction and however large the set.
extension NFTables {
    /// Keys in one question; each gets an answer of its own, and all must fit into the receive queue.
    private static let perQuestion = 400

    package func elements(for prefixes: [Prefix], in place: Element.Place) throws(FirewallError) -> [Element] {
        var found: [Element] = []
        found.reserveCapacity(prefixes.count)
        for set in SetName.adopted where set.place == place {
            // One that a wider network covers is not there, though its address would be answered with that one.
            let keys = prefixes.filter {
                (place == .banned ? SetName.banned($0) : .known($0)) == set
                    && !(set.isInterval && networks.isInsideAnother($0))
            }
            try look(up: keys, in: set, into: &found)
        }
        return found
    }

    /// The kernel answers key by key and stops at the first that is not there: the number of answers says which.
    private func look(up keys: [Prefix], in set: SetName, into found: inout [Element]) throws(FirewallError) {
        var next = 0
        while next < keys.count {
            let part = keys[next..<min(next + NFTables.perQuestion, keys.count)]
            var answers = 0
            do {
                try query.ask(
                    NFT_MSG_GETSETELEM, set.rawValue, flags: NLM_F_ACK,
                    { header in
                        ElementWire.writeNames(set, tableName, to: header)
                        let list = mnl_attr_nest_start(header, UInt16(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue))
                        for prefix in part { ElementWire.writeElement(prefix.address, in: set, to: header) }
                        mnl_attr_nest_end(header, list)
                    },
                    { message in
                        ElementWire.read(message, from: set) { raw in
                            guard part.indices.contains(next + answers) else { return }
                            let prefix = part[next + answers]
                            answers += 1
                            // A key inside a wider range that somebody else put in is answered with that range.
                            if raw.address == prefix.address { found.append(raw.element(set.place, prefix)) }
                        }
                    })
                next += part.count
            } catch {
                // Somebody deleted the set or the table: nothing stands in it.
                guard error.kind == .missing else { throw error }
                next += answers + 1
            }
        }
    }
}
