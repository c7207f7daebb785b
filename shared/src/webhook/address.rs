//! Which network addresses a webhook may reach. Somebody who may register a URL must not be able to make this machine
//! speak to its own network (server-side request forgery).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// Anywhere on the Internet.
    Public,
    /// Of this machine, of a private network, or reserved: the reason, in words.
    Inner(&'static str),
}

/// The class of an address. An IPv4 address that is written inside an IPv6 address counts as what it is.
#[must_use]
pub fn class_of(address: IpAddr) -> AddressClass {
    let reason = match address {
        IpAddr::V4(v4) => inner_v4(v4),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => inner_v4(v4),
            None => inner_v6(v6),
        },
    };
    reason.map_or(AddressClass::Public, AddressClass::Inner)
}

fn inner_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (0, _, _) => Some("unspecified"),
        (127, _, _) => Some("loopback"),
        (10, _, _) | (192, 168, _) => Some("private"),
        (172, second, _) if (16..=31).contains(&second) => Some("private"),
        (169, 254, _) => Some("link-local"),
        (100, second, _) if (64..=127).contains(&second) => Some("shared by a carrier"),
        // 192.0.0.0/24 protocol assignments, documentation, 6to4 relays, benchmarks.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => Some("reserved"),
        // The platform addresses of some clouds lie in public space.
        (168, 63, 129) => Some("a cloud's own"),
        (first, _, _) if (224..=239).contains(&first) => Some("multicast"),
        (first, _, _) if first >= 240 => Some("reserved"),
        _ => None,
    }
}

fn inner_v6(address: Ipv6Addr) -> Option<&'static str> {
    let [first, second, ..] = address.segments();
    match first {
        _ if address.is_loopback() => Some("loopback"),
        _ if address.is_unspecified() => Some("unspecified"),
        _ if first & 0xff00 == 0xff00 => Some("multicast"),
        _ if first & 0xffc0 == 0xfe80 => Some("link-local"),
        _ if first & 0xffc0 == 0xfec0 => Some("private"),
        _ if first & 0xfe00 == 0xfc00 => Some("private"),
        // Only 2000::/3 is given out; within it, documentation, protocol assignments (also Teredo) and ORCHID are not.
        _ if first & 0xe000 != 0x2000 => Some("reserved"),
        0x2001 if second == 0x0db8 || second < 0x0200 => Some("reserved"),
        0x3fff if second < 0x1000 => Some("reserved"),
        _ => None,
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, translated (NAT64, local NAT64), or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] if (high, low) > (0, 1) => Some(join(high, low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(join(high, low))
        }
        [0x64, 0xff9b, 1, _, _, _, _, _] => Some(Ipv4Addr::UNSPECIFIED),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        class_of(text.parse().expect("an address")) == AddressClass::Public
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111", "2a00:1450:4001::1"] {
            assert!(public(address), "{address}");
        }
        assert!(public("::ffff:8.8.8.8") && public("64:ff9b::8.8.8.8") && public("2002:808:808::1"));
    }

    #[test]
    fn every_other_address_is_not() {
        let inner = "0.0.0.0 0.1.2.3 127.0.0.1 127.255.0.9 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 \
             100.64.0.1 100.100.100.200 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.9 168.63.129.16 \
             224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 \
             ::ffff:0:192.168.1.1 64:ff9b::169.254.169.254 64:ff9b:1::1 2002:7f00:1::1 2001::1 2001:db8::1 3fff::1 \
             fe80::1 fec0::1 fc00::1 fd00:ec2::254 ff02::1 100::1 5f00::1";
        for address in inner.split_whitespace() {
            assert!(!public(address), "{address}");
        }
    }
}
