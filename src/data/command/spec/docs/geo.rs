//! Documentation of the commands on geospatial indexes.

use super::super::doc::{Doc, block, doc, double, integer, key, one_of, string, word};

pub(in super::super) const DOCS: &[Doc] = &[
    doc("geoadd", "3.2.0", "Adds places to a geospatial index or moves them, creating it if need be.")
        .complexity("O(log(N)) for each item added, where N is the number of elements in the sorted set.")
        .history(&[("6.2.0", "Added the `CH`, `NX` and `XX` options.")])
        .args(&[
            key("key", 0),
            one_of("condition").optional().since("6.2.0").of(&[word("nx", "NX"), word("xx", "XX")]),
            word("change", "CH").optional().since("6.2.0"),
            block("longitude_latitude_member").multiple().of(&[
                double("longitude"),
                double("latitude"),
                string("member"),
            ]),
        ]),
    doc("geodist", "3.2.0", "Tells the distance between two places.").complexity("O(log(N))").args(&[
        key("key", 0),
        string("member1"),
        string("member2"),
        one_of("unit").optional().of(&[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
    ]),
    doc("geohash", "3.2.0", "Tells the geohash strings of places.")
        .complexity("O(log(N)) for each member requested, where N is the number of elements in the sorted set.")
        .args(&[key("key", 0), string("member").multiple()]),
    doc("geopos", "3.2.0", "Tells the longitude and latitude of places.")
        .complexity("O(N) where N is the number of members requested.")
        .args(&[key("key", 0), string("member").multiple()]),
    doc("georadius", "3.2.0", "Finds, and can store, the places within a distance of a point.")
        .complexity(
            "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area \
            delimited by center and radius and M is the number of items inside the index.",
        )
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")
        .history(&[
            ("6.2.0", "Added the `ANY` option for `COUNT`."),
            ("7.0.0", "Added support for uppercase unit names."),
        ])
        .args(&[
            key("key", 0),
            double("longitude"),
            double("latitude"),
            double("radius"),
            one_of("unit").of(&[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count")
                .optional()
                .of(&[integer("count").token("COUNT"), word("any", "ANY").optional().since("6.2.0")]),
            one_of("order").optional().of(&[word("asc", "ASC"), word("desc", "DESC")]),
            key("key", 1).token("STORE").optional(),
            key("key", 2).token("STOREDIST").optional(),
        ]),
    doc("georadius_ro", "3.2.10", "Finds the places within a distance of a point.")
        .complexity(
            "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area \
            delimited by center and radius and M is the number of items inside the index.",
        )
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")
        .history(&[("6.2.0", "Added the `ANY` option for `COUNT`.")])
        .args(&[
            key("key", 0),
            double("longitude"),
            double("latitude"),
            double("radius"),
            one_of("unit").of(&[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count")
                .optional()
                .of(&[integer("count").token("COUNT"), word("any", "ANY").optional().since("6.2.0")]),
            one_of("order").optional().of(&[word("asc", "ASC"), word("desc", "DESC")]),
        ]),
    doc("georadiusbymember", "3.2.0", "Finds, and can store, the places within a distance of another place.")
        .complexity(
            "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area \
            delimited by center and radius and M is the number of items inside the index.",
        )
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments")
        .history(&[("7.0.0", "Added support for uppercase unit names.")])
        .args(&[
            key("key", 0),
            string("member"),
            double("radius"),
            one_of("unit").of(&[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count").optional().of(&[integer("count").token("COUNT"), word("any", "ANY").optional()]),
            one_of("order").optional().of(&[word("asc", "ASC"), word("desc", "DESC")]),
            key("key", 1).token("STORE").optional(),
            key("key", 2).token("STOREDIST").optional(),
        ]),
    doc("georadiusbymember_ro", "3.2.10", "Finds the places within a distance of another place.")
        .complexity(
            "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area \
            delimited by center and radius and M is the number of items inside the index.",
        )
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")
        .args(&[
            key("key", 0),
            string("member"),
            double("radius"),
            one_of("unit").of(&[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
            block("count").optional().of(&[integer("count").token("COUNT"), word("any", "ANY").optional()]),
            one_of("order").optional().of(&[word("asc", "ASC"), word("desc", "DESC")]),
        ]),
    doc("geosearch", "6.2.0", "Finds the places inside a circle or a box.")
        .complexity(
            "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the \
            shape provided as the filter and M is the number of items inside the shape",
        )
        .history(&[("7.0.0", "Added support for uppercase unit names.")])
        .args(&[
            key("key", 0),
            one_of("from").of(&[
                string("member").token("FROMMEMBER"),
                block("longitude_latitude").token("FROMLONLAT").of(&[double("longitude"), double("latitude")]),
            ]),
            one_of("by").of(&[
                block("circle").of(&[
                    double("radius").token("BYRADIUS"),
                    one_of("unit").of(&[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                ]),
                block("box").of(&[
                    double("width").token("BYBOX"),
                    double("height"),
                    one_of("unit").of(&[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                ]),
            ]),
            one_of("order").optional().of(&[word("asc", "ASC"), word("desc", "DESC")]),
            block("count").optional().of(&[integer("count").token("COUNT"), word("any", "ANY").optional()]),
            word("withcoord", "WITHCOORD").optional(),
            word("withdist", "WITHDIST").optional(),
            word("withhash", "WITHHASH").optional(),
        ]),
    doc("geosearchstore", "6.2.0", "Stores the places inside a circle or a box.")
        .complexity(
            "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the \
            shape provided as the filter and M is the number of items inside the shape",
        )
        .history(&[("7.0.0", "Added support for uppercase unit names.")])
        .args(&[
            key("destination", 0),
            key("source", 1),
            one_of("from").of(&[
                string("member").token("FROMMEMBER"),
                block("longitude_latitude").token("FROMLONLAT").of(&[double("longitude"), double("latitude")]),
            ]),
            one_of("by").of(&[
                block("circle").of(&[
                    double("radius").token("BYRADIUS"),
                    one_of("unit").of(&[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                ]),
                block("box").of(&[
                    double("width").token("BYBOX"),
                    double("height"),
                    one_of("unit").of(&[word("m", "M"), word("km", "KM"), word("ft", "FT"), word("mi", "MI")]),
                ]),
            ]),
            one_of("order").optional().of(&[word("asc", "ASC"), word("desc", "DESC")]),
            block("count").optional().of(&[integer("count").token("COUNT"), word("any", "ANY").optional()]),
            word("storedist", "STOREDIST").optional(),
        ]),
];
