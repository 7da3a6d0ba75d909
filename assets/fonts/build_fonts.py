"""Makes the embedded fonts from the upstream files: subset, and tabular figures by default in "Numbers".

Run with fontTools 4.x: python build_fonts.py INTER_DIR JETBRAINS_DIR
The window's text engine cannot switch OpenType features, so the `tnum` alternates of Inter are mapped to the digits themselves.
"""

import sys
from fontTools import subset, ttLib

UNICODES = [
    *range(0x20, 0x180), *range(0x192, 0x193), *range(0x2C6, 0x2DE), *range(0x370, 0x400), *range(0x400, 0x460),
    *range(0x1E80, 0x1E86), *range(0x2010, 0x2028), *range(0x2030, 0x2040), 0x2044, *range(0x2070, 0x2095),
    *range(0x20A0, 0x20C0), 0x2116, 0x2122, 0x2126, *range(0x2150, 0x215F), *range(0x2190, 0x2200), *range(0x2200, 0x2270),
    0x2318, 0x2325, 0x21E7, 0x23CE, *range(0x2500, 0x2580), *range(0x2580, 0x25A0), *range(0x25A0, 0x25D0), 0x2605, 0x2606,
    0x2713, 0x2717, 0xFFFD,
]


def build(source, target, tabular=False, family=None):
    font = ttLib.TTFont(source)
    if tabular:
        swaps = {}
        for record in font["GSUB"].table.FeatureList.FeatureRecord:
            if record.FeatureTag == "tnum":
                for index in record.Feature.LookupListIndex:
                    for table in font["GSUB"].table.LookupList.Lookup[index].SubTable:
                        table = getattr(table, "ExtSubTable", table)
                        swaps.update(table.mapping)
        for table in font["cmap"].tables:
            for code, glyph in list(table.cmap.items()):
                if glyph in swaps:
                    table.cmap[code] = swaps[glyph]
        digits = [font.getBestCmap()[ord(digit)] for digit in "0123456789"]
        widest = max(font["hmtx"][glyph][0] for glyph in digits)
        for glyph in digits:  # interpolated weights differ by a unit or two in 2816
            assert widest - font["hmtx"][glyph][0] < 8, "figures are not tabular"
            font["hmtx"][glyph] = (widest, font["hmtx"][glyph][1])
    options = subset.Options()
    options.layout_features = [] if tabular else ["kern", "mark", "mkmk", "ccmp", "locl"]
    options.hinting = False
    options.name_IDs = ["*"]
    options.notdef_outline = True
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=UNICODES)
    subsetter.subset(font)
    if family:
        for record in font["name"].names:
            if record.nameID in (1, 4, 16):
                record.string = family
    font.save(target)


inter, mono = sys.argv[1:3]
for weight in ("Regular", "Medium", "SemiBold"):
    build(f"{inter}/Inter-{weight}.otf", f"Inter-{weight}.otf")
build(f"{inter}/Inter-Regular.otf", "InterNumbers-Regular.otf", tabular=True, family="Inter Numbers")
build(f"{inter}/Inter-SemiBold.otf", "InterNumbers-SemiBold.otf", tabular=True, family="Inter Numbers SemiBold")
build(f"{mono}/JetBrainsMono-Regular.ttf", "JetBrainsMono-Regular.ttf")
