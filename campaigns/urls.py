"""Addresses of the campaign pages."""

from __future__ import annotations

from django.urls import path, register_converter

from campaigns import (
    assets,
    calendar_views,
    confirm_views,
    copy_views,
    decision_views,
    desk_views,
    export_views,
    lately_views,
    line_test_views,
    monitoring_views,
    new_views,
    path_converters,
    proof_views,
    queue_views,
    receipt_views,
    rules_views,
    slice_views,
    stop_views,
    views,
    when_views,
)

register_converter(path_converters.Digits, "digits")

app_name = "campaigns"
urlpatterns = [
    path("", views.campaign_list, name="list"),
    path("campaigns/new/", new_views.new_campaign, name="new"),
    path("campaigns/<int:campaign_id>/", views.campaign, name="campaign"),
    path("campaigns/<int:campaign_id>/receipt/", receipt_views.receipt, name="receipt"),
    path(
        "campaigns/<int:campaign_id>/receipt/all.csv",
        receipt_views.download,
        name="receipt-csv",
    ),
    path(
        "campaigns/<int:campaign_id>/receipt/<slug:reason>/",
        receipt_views.group,
        name="receipt-group",
    ),
    path(
        "campaigns/<int:campaign_id>/receipt/<slug:reason>.csv",
        receipt_views.download,
        name="receipt-group-csv",
    ),
    path("campaigns/<int:campaign_id>/recipients/", views.add_phone, name="add-phone"),
    path("campaigns/<int:campaign_id>/confirm/", confirm_views.confirm, name="confirm"),
    path("campaigns/<int:campaign_id>/trial/", confirm_views.trial, name="trial"),
    path("campaigns/<int:campaign_id>/start/", confirm_views.start, name="start"),
    path("campaigns/<int:campaign_id>/lately/", lately_views.lately, name="lately"),
    path("campaigns/<int:campaign_id>/when/", when_views.when, name="when"),
    path(
        "campaigns/<int:campaign_id>/start-now/", when_views.start_now, name="start-now"
    ),
    path(
        "campaigns/<int:campaign_id>/unschedule/",
        when_views.unschedule,
        name="unschedule",
    ),
    path("campaigns/<int:campaign_id>/slice/", slice_views.trial_slice, name="slice"),
    path("campaigns/<int:campaign_id>/continue/", when_views.go_on, name="continue"),
    path("campaigns/<int:campaign_id>/pause/", views.pause, name="pause"),
    path("campaigns/<int:campaign_id>/resume/", views.resume, name="resume"),
    path("campaigns/<int:campaign_id>/cancel/", views.cancel, name="cancel"),
    path(
        "campaigns/<int:campaign_id>/messages/<int:message_id>/",
        decision_views.message,
        name="message",
    ),
    path(
        "campaigns/<int:campaign_id>/decide/<slug:what>/",
        decision_views.decide,
        name="decide",
    ),
    path("campaigns/<int:campaign_id>/search/", desk_views.search, name="search"),
    path("lines/", desk_views.lines, name="lines"),
    path("lines/<int:line_id>/", desk_views.line, name="line"),
    path("lines/<int:line_id>/test/", line_test_views.line_test, name="line-test"),
    path("lines/<int:line_id>/rules/", rules_views.rules, name="rules"),
    path("lines/<int:line_id>/calendar/", calendar_views.calendar, name="calendar"),
    path(
        "lines/<int:line_id>/calendar/<str:day>/",
        calendar_views.day,
        name="calendar-day",
    ),
    path("campaigns/<int:campaign_id>/calendar/", calendar_views.placed, name="placed"),
    path("phones/", desk_views.phones, name="phones"),
    path("phones/<digits:digits>/", desk_views.phone, name="phone"),
    path("lines/<int:line_id>/release/", decision_views.release, name="release"),
    path("queue/", queue_views.queue, name="queue"),
    path("metrics", monitoring_views.metrics, name="metrics"),
    path("readyz", monitoring_views.readyz, name="readyz"),
    path("stops/", stop_views.stop_list, name="stops"),
    path("stops/remove/", stop_views.remove_stop, name="remove-stop"),
    path("stops/export.csv", stop_views.stops_file, name="stops-file"),
    path(
        "campaigns/<int:campaign_id>/export.<slug:kind>",
        export_views.export,
        name="export",
    ),
    path("campaigns/<int:campaign_id>/proof.zip", proof_views.proof, name="proof"),
    path("campaigns/<int:campaign_id>/copy/", copy_views.copy, name="copy"),
    path("campaigns/<int:campaign_id>/edit/", copy_views.edit, name="edit"),
    path("campaigns/<int:campaign_id>/delete/", copy_views.delete, name="delete"),
    path("assets/<slug:digest>/<str:name>", assets.asset, name="asset"),
]
