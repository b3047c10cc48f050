import CNetfilter

/// What became of rules that were to be taken out.
package enum RulesTakenOut: Equatable, Sendable {
    case done
    /// There were none.
    case none
    /// They are another's, or do not say whose they are (empty).
    case left(owner: String)
}

/// Whose the table is. It stands in the comment of one of the rules: the kernel keeps that as long as the rules, changes both in one
/// transaction, and shows it to whoever looks (`nft list table inet breakwater`).
enum TableOwner {
    /// What stands in front of the owner.
    static let mark = "owner "

    /// The owner in a rule's user data, in nft's own form (libnftnl/udata.h): type, length, value.
    static func read(_ userdata: UnsafeRawBufferPointer) -> String? {
        var rest = userdata[...]
        while rest.count > 2 {
            let (type, count) = (rest[rest.startIndex], Int(rest[rest.startIndex + 1]))
            let value = rest.dropFirst(2).prefix(count)
            if type == 0 {
                let text = String(decoding: value.prefix { $0 != 0 }, as: UTF8.self)
                return text.hasPrefix(mark) ? String(text.dropFirst(mark.count)) : nil
            }
            rest = rest.dropFirst(2 + count)
        }
        return nil
    }
}

extension Query {
    /// Whose the table's rules are; empty when they do not say, `nil` when there are none.
    func tableOwner() throws(FirewallError) -> String? {
        var owner: String?
        do throws(FirewallError) {
            try ask(
                NFT_MSG_GETRULE, "rules of \(ChainName.newcomers.rawValue)", flags: NLM_F_DUMP,
                {
                    mnl_attr_put_strz($0, UInt16(NFTA_RULE_TABLE.rawValue), tableName)
                    mnl_attr_put_strz($0, UInt16(NFTA_RULE_CHAIN.rawValue), ChainName.newcomers.rawValue)
                },
                { message in
                    let attributes = Attributes(of: message, after: familyHeaderBytes)
                    guard attributes.first(NFTA_RULE_TABLE.rawValue)?.isString(tableName) ?? false,
                        attributes.first(NFTA_RULE_CHAIN.rawValue)?.isString(ChainName.newcomers.rawValue) ?? false
                    else { return }
                    let found = attributes.first(NFTA_RULE_USERDATA.rawValue).flatMap { TableOwner.read($0.bytes) }
                    if owner == nil || owner == "" { owner = found ?? "" }
                })
        } catch  where error.kind == .missing {
            // No table or no chain: no rules.
        }
        return owner
    }
}
