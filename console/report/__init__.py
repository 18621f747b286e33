"""A release's report: one HTML file that opens without network, and Markdown for the post-mortem.

Put together from what was written down (chronicle, journal, annotation), Cloud Monitoring and the log. Everything in it
is cleaned, has what looks like a secret or a telephone number hidden, and is escaped: foreign text stays text. It must
know no screen; it moves nothing.
"""

from console.report.gathering import Report, choose, gather_report
from console.report.vouching import StepLine
from console.report.writing import Written, paths, write_report

__all__ = ["Report", "StepLine", "Written", "choose", "gather_report", "paths", "write_report"]
